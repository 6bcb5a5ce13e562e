"""What runs beside the service: Prometheus, Alertmanager, Grafana."""
