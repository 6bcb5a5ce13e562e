"""Who holds what now, as JSON, as tables, and over several workers."""
