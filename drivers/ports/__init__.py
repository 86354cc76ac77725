"""Serial ports and TCP connections as half-duplex byte channels; every operating system error ends here."""
