"""The remote control of a server: httpx, and xarray once a dataset is opened. It unpickles nothing."""
