"""Events on their way: to the disk, to those who listen, and between agents as messages."""
