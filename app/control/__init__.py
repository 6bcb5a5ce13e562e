"""Control endpoints of the lab: flags, reset, locks and exercises."""
