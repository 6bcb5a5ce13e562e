"""Send requests at a constant rate, and count how they end."""
