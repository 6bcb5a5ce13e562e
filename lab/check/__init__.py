"""Send each lesson its requests, and count what they do to the pools."""
