"""What is to be served, read and never opened: targets and catalogs become entries."""
