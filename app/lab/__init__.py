"""Everything that exists only to teach."""
