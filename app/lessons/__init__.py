"""Further patterns of leaks and starved pools; they exist for the lab alone."""
