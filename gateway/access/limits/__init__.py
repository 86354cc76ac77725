"""How much callers may ask: token buckets by address, principal, capability and for all together (D-160 to D-165)."""
