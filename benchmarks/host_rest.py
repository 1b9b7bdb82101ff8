"""A zarr store in a plain xpublish host script: `python host_rest.py STORE PORT`.

Runs where cloudify is not installed, too: with whatever plugins the environment has.
"""

import sys

import xarray as xr
import xpublish


def main(store: str, port: int) -> None:
    """Serve the store as it is opened lazily, with a block of dask for each of its chunks."""
    ds = xr.open_dataset(store, engine="zarr", chunks={}, consolidated=False)
    xpublish.Rest({"noise": ds}).serve(host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
