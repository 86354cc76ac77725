"""The plugin API under ``/v1``: REST, with the envelopes, errors and pages that its reference has."""
