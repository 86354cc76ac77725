"""What polling costs here, beside its peers in the same run: ``python -m benchmarks``."""
