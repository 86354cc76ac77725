"""What talks to the field: protocol codecs, ports, simulated devices. Knows nothing of the gateway."""
