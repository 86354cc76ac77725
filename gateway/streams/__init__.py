"""Connections with as little as possible between us and the kernel, in clear and under TLS, for both of their ends."""
