"""Models of what methods answer: what the description says of them, and what the test profile holds them against."""
