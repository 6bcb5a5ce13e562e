"""The live page, in a real browser, over the real service."""
