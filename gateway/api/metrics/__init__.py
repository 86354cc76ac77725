"""``GET /metrics``: what the gateway measures, in the text form of Prometheus."""
