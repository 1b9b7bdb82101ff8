"""The one Dask client of a process. Nothing of ``distributed`` is imported before a chunk is computed on a cluster."""
