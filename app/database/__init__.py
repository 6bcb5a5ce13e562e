"""The database as the service sees it: pools, sessions, tables, limits."""
