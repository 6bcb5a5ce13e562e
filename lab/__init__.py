"""Programs that run the service from outside: check, demo, page, workshop."""
