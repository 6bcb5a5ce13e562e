"""Grafana's dashboard, written in Python; the image needs none of this."""
