"""What runs beside the service: its files, and the programs that read them."""
