"""Events as they happen, over WebSockets (D-130 to D-133)."""
