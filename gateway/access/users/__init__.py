"""People: who may sign in, with which password and which roles (D-049, D-053, D-058)."""
