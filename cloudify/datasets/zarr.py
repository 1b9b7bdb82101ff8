"""Opener for zarr stores, v2 and v3, on disk or over http."""

import json
from collections.abc import Mapping
from pathlib import Path

import xarray as xr

from cloudify.catalog.driver import is_url
from cloudify.datasets.source import RAW
from cloudify.model.entry import Entry


def open_zarr(entry: Entry, *, timeout_s: float) -> Mapping[str, xr.Dataset]:
    """Open all groups of a store with the values it stores.

    Raises
    ------
    OSError, ValueError, ...
        Whatever the libraries raise for a store they cannot read (`datasets.source.failures`).
    """
    options: dict[str, object] = {"consolidated": _is_consolidated(entry.href), **entry.options}
    if is_url(entry.href):
        import aiohttp  # noqa: PLC0415  # only who reads http pays for it

        storage: dict[str, object] = {"client_kwargs": {"timeout": aiohttp.ClientTimeout(total=timeout_s)}}
        options["storage_options"] = storage | _mapping(options.get("storage_options"))
    return xr.open_groups(entry.href, engine="zarr", **RAW, **options)  # type: ignore[arg-type]


def _is_consolidated(href: str) -> bool:
    """Whether a store has consolidated metadata; one over http must, as nothing else tells what is in it."""
    if is_url(href):
        return True
    root = Path(href)
    if (root / "zarr.json").is_file():
        return bool(json.loads((root / "zarr.json").read_bytes()).get("consolidated_metadata"))
    return (root / ".zmetadata").is_file()


def _mapping(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, Mapping) else {}
