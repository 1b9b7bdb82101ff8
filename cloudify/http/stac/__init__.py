"""STAC 1.1 documents as plain dictionaries: what a catalog and a summary say, in STAC's words."""
