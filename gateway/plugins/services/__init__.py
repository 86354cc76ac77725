"""What the gateway does for its plugins: the services behind the doors of ``plugins.host.services``."""
