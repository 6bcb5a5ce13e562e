"""Files of Prometheus, Alertmanager, Grafana, PgBouncer and HAProxy."""
