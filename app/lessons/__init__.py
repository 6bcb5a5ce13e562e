"""Further patterns of leaks and starved pools; for the lab alone."""
