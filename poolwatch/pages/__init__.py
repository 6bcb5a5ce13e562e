"""Open loans and findings as JSON and tables, also for several workers."""
