"""Send each lesson's requests, and count leaks, long holds and timeouts."""
