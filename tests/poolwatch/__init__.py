"""The detector, held to its specification on a real PostgreSQL."""
