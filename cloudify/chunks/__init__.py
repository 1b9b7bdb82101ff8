"""Chunks: which there are, what their keys, metadata and bytes are. Knows zarr, not HTTP."""
