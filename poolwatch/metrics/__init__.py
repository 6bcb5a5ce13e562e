"""Watched pools as metrics: Prometheus and OpenTelemetry."""
