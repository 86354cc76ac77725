"""Makes Debian packages; the image takes from here where Debian comes from, and every file a package has."""
