"""The map service and tiles over HTTP: cells are where they belong, by each client, in each reference system."""
