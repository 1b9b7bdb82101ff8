"""Functions over datasets, run as jobs. Knows no HTTP."""
