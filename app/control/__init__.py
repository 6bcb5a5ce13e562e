"""What the lab mounts inside the service: flags, reset, locks, exercises."""
