"""The domain: readings, the tag store, the event bus, supervision. It does no I/O and knows nobody above it."""
