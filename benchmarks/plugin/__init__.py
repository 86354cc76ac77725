"""The plugin that is measured, as it is packed: it asks what it is told to, and says how long that took."""
