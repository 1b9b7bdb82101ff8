"""Real clients, real datasets, and what each of them must read."""
