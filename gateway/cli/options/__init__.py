"""What the commands take on their command line, apart from what they do: help must not wait for that."""
