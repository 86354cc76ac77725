"""For authors of plugins, on their own machine: begin one, check it, pack it, sign it, try it without a gateway."""
