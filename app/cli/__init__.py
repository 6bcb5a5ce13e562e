"""The commands of `python -m app`, one file a kind; `__main__` lists them."""
