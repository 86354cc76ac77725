"""One process a contestant: each does its work for some seconds and prints one JSON object of measurements."""
