"""Serve every dataset of a folder, those that appear later too.

    python scripts/host_dynamic.py /data                    # every file and store of a known ending
    python scripts/host_dynamic.py '/data/{id}/out.zarr' --host 0.0.0.0 --port 9000

A dataset is opened when somebody asks for it: http://127.0.0.1:9000/datasets/{id}/zarr.
"""

import argparse

import xarray as xr
import xpublish as xp

from cloudify.plugins.dynamic import DynamicProvider


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="a folder, or a path in which {id} stands for the ids of the datasets")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=9000, help="port to listen on")
    given = parser.parse_args()

    dsdict: dict[str, xr.Dataset | xr.DataTree] = {}  # datasets of your own are served beside those of the folder
    dsdict["made-here"] = xr.Dataset({"x": ("x", [1.0, 2.0, 3.0])})
    collection = xp.Rest(dsdict)
    collection.register_plugin(DynamicProvider(pattern=given.folder))
    collection.serve(host=given.host, port=given.port, log_level="warning")


if __name__ == "__main__":  # a cluster started here starts this file again in each of its workers
    main()
