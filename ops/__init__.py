"""Programs beside the service: Prometheus, Alertmanager, Grafana."""
