"""The files in ops/, checked with the programs that read them."""
