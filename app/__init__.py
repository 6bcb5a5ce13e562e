"""An order service that shows connection-pool leaks, before and after."""
