"""What keeps a package or an image from being made, said so that one knows what to do."""

from __future__ import annotations


class BuildError(Exception):
    """It cannot be made; the text says why and what to do."""
