"""What is kept of jobs: rows in a database, blobs in files. `store.py` is its door."""
