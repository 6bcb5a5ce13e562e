"""Load the leaky and the fixed service, and compare what was measured."""
