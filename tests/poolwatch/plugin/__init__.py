"""The pytest plugin, on test suites of their own in their own processes."""
