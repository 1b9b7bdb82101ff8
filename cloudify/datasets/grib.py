"""Opener for GRIB files, by cfgrib (the extra ``grib``)."""

from collections.abc import Mapping

import xarray as xr

from cloudify.catalog.driver import is_url
from cloudify.datasets.source import RAW, RefusedError
from cloudify.model.entry import Entry
from cloudify.settings import Settings


def open_grib(entry: Entry, *, timeout_s: float, settings: Settings) -> Mapping[str, xr.Dataset]:  # noqa: ARG001
    """Open the messages of a file: one group where they fit together, else a group for each kind of level.

    Raises
    ------
    RefusedError
        If the extra is not installed, the file is not on disk, or has no message.
    OSError, ValueError, ...
        Whatever cfgrib raises.
    """
    try:
        import cfgrib  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise RefusedError("GRIB needs an extra: pip install 'cloudify-xarray[grib]'") from error
    if is_url(entry.href):
        raise RefusedError("GRIB files are read from disk only")
    with open(entry.href, "rb"):  # noqa: PTH123  # cfgrib reports a file that is not there as an empty one
        pass
    # without an index file, which would be written beside the source
    options = dict(entry.options) | {"backend_kwargs": _keywords(entry.options) | {"indexpath": ""}}
    raw = RAW | {"decode_coords": True}  # cfgrib joins messages that agree in their coordinates
    found = [_with_coordinates(ds) for ds in cfgrib.open_datasets(entry.href, **raw, **options)]
    if not found:
        raise RefusedError("it has no GRIB message")
    if len(found) == 1:
        return {"/": found[0]}
    groups: dict[str, xr.Dataset] = {"/": xr.Dataset()}
    for ds in found:
        name = _level(ds)
        same = sum(1 for path in groups if path == f"/{name}" or path.startswith(f"/{name}-"))
        groups[f"/{name}-{same + 1}" if same else f"/{name}"] = ds
    return groups


def _with_coordinates(ds: xr.Dataset) -> xr.Dataset:
    """Put the attribute back that names the coordinates of a variable: decoding them took it away."""
    for variable in ds.variables.values():
        names = variable.encoding.pop("coordinates", None)
        if names:
            variable.attrs.setdefault("coordinates", names)
    return ds


def _level(ds: xr.Dataset) -> str:
    """Return the kind of level of a dataset's messages, e.g. ``isobaricInhPa``."""
    kinds = {str(v.attrs["GRIB_typeOfLevel"]) for v in ds.data_vars.values() if "GRIB_typeOfLevel" in v.attrs}
    return "-".join(sorted(kinds)) or "unknown"


def _keywords(options: Mapping[str, object]) -> dict[str, object]:
    given = options.get("backend_kwargs")
    return dict(given) if isinstance(given, Mapping) else {}
