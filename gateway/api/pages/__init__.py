"""Pages for people: sign in, allow a program what it asks for (D-049). Made on the server, without any script."""
