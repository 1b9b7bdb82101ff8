"""GDAL, by rasterio, v2: in another process than the server's, as GDAL holds the interpreter while it reads."""

import sys
from pathlib import Path

import rasterio

from clients.base import Client, versions
from clients.elsewhere import run

HERE = Path(__file__).parent

CLIENTS = [
    Client(
        "GDAL v2",
        f"GDAL {rasterio.__gdal_version__}, {versions('rasterio')}",
        lambda jobs: run([sys.executable, str(HERE / "gdal_program.py")], jobs, HERE),
    )
]
