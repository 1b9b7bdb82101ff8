"""What a path or URL holds, told from its ending, else from its first bytes."""

from os.path import abspath
from pathlib import Path
from urllib.parse import urlsplit

DRIVER_OF_ENDING = {
    ".nc": "netcdf", ".nc3": "netcdf", ".nc4": "netcdf", ".cdf": "netcdf", ".netcdf": "netcdf",
    ".h5": "netcdf", ".hdf5": "netcdf", ".zarr": "zarr",
    ".json": "kerchunk", ".parq": "kerchunk", ".parquet": "kerchunk",
    ".grib": "grib", ".grib2": "grib", ".grb": "grib", ".tif": "raster", ".tiff": "raster",
}  # fmt: skip
"""Ending of a file name, lower case -> driver."""

_ZARR_MARKS = ("zarr.json", ".zgroup", ".zmetadata")
_NETCDF_MAGIC = (b"CDF\x01", b"CDF\x02", b"CDF\x05", b"\x89HDF")


def is_url(href: str) -> bool:
    """Whether `href` is a URL rather than a path.

    >>> is_url("https://example.org/x.zarr"), is_url("/data/x.zarr"), is_url("C:x")
    (True, False, False)
    """
    return "://" in href and urlsplit(href).scheme != ""


def is_parquet(href: str) -> bool:
    """Whether `href` is a reference set in parquet files: a folder, which its ending tells.

    >>> is_parquet("/data/x.parq"), is_parquet("s3://bucket/x.parquet/"), is_parquet("/data/x.json")
    (True, True, False)
    """
    return href.rstrip("/").lower().endswith((".parq", ".parquet"))


def absolute_href(href: str, base: Path) -> str:
    """Make a path absolute, relative to the folder `base`; a URL stays as it is.

    Links are not resolved: what they lead to may be exchanged while it is served.
    """
    return href if is_url(href) else abspath(base / Path(href).expanduser())  # noqa: PTH100  # keeps links


def guess_driver(href: str) -> str | None:
    """Return the driver for an absolute path or URL, None where nothing tells."""
    path = Path(urlsplit(href).path.rstrip("/") if is_url(href) else href)
    by_ending = DRIVER_OF_ENDING.get(path.suffix.lower())
    return by_ending if by_ending or is_url(href) else _look(path)


def _look(path: Path) -> str | None:
    if path.is_dir():
        return "zarr" if any((path / mark).is_file() for mark in _ZARR_MARKS) else None
    if not path.is_file():  # a pipe would make us wait
        return None
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError:
        return None
    return "netcdf" if head in _NETCDF_MAGIC else None
