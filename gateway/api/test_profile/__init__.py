"""What benchmarks and outside suites need and a gateway in the field must not have: there only when asked for."""
