"""HTTP: the first layer that may say "fastapi". What every route shares."""
