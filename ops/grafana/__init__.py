"""Writes Grafana's dashboard; the service's image does not contain this."""
