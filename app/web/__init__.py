"""What every request meets: errors, probes, metrics, poolwatch's pages."""
