"""The board that is flashed: what people put on its card is taken over, and what they need to know is written there."""
