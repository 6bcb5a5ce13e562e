"""Measure the fixed routes, and what poolwatch costs."""
