"""What is used, how much and by whom: counted as it happens, kept for ninety days (D-166 to D-170)."""
