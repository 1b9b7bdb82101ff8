"""Which assets of a STAC item are data that an opener of ours reads, and what is said about opening them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cloudify.catalog.access import access
from cloudify.catalog.driver import DRIVER_OF_ENDING
from cloudify.catalog.unfit import UnfitError, mapping, shown, text_of

MEDIA_TYPES = {
    "application/vnd+zarr": "zarr", "application/vnd.zarr": "zarr", "application/x-zarr": "zarr",
    "application/netcdf": "netcdf", "application/x-netcdf": "netcdf", "application/x-netcdf4": "netcdf",
    "application/x-hdf": "netcdf", "application/x-hdf5": "netcdf", "application/vnd+netcdf": "netcdf",
    "application/wmo-grib2": "grib", "application/grib": "grib", "application/x-grib": "grib",
    "application/x-grib2": "grib", "image/tiff": "raster", "image/vnd.stac.geotiff": "raster",
}  # fmt: skip
"""Media type, lower case and without parameters -> driver."""
ENGINES = {
    "zarr": "zarr", "kerchunk": "kerchunk", "netcdf4": "netcdf", "h5netcdf": "netcdf", "scipy": "netcdf",
    "cfgrib": "grib", "rasterio": "raster",
}  # fmt: skip
"""xarray's engines -> drivers."""
REFERENCES = frozenset({"references", "reference", "kerchunk"})
"""Roles of kerchunk reference sets, which have no media type of their own."""
OTHERS = frozenset({"thumbnail", "overview", "metadata"})
"""Roles of assets that are about the data."""
_WITHOUT_EFFECT = frozenset({
    "engine", "chunks", "consolidated", "cache", "decode_cf", "decode_times", "decode_timedelta", "decode_coords",
    "use_cftime", "mask_and_scale", "concat_characters",
})  # fmt: skip
"""Arguments for xarray that say how values are decoded or cut: what is served are the stored values."""
_HONOURED = ("group", "drop_variables", "storage_options")


@dataclass(frozen=True, slots=True)
class DataAsset:
    """An asset that can be opened."""

    key: str
    driver: str
    href: object
    """As it stands there."""
    title: str
    options: Mapping[str, object]
    drop: tuple[str, ...]
    """Variables that are not wanted."""


def data_assets(assets: Mapping[str, Any]) -> list[DataAsset]:
    """Return the data among the assets of an item: those of the role ``data``, else all that can be opened.

    Raises
    ------
    UnfitError
        If one of them says of its opening what is not done here.
    """
    readable = list(_readable(assets))
    data = [one for one in readable if "data" in _roles(one[1])]
    return [_data_asset(*one) for one in data or readable]


def describe_assets(assets: Mapping[str, Any]) -> str:
    """Say what assets there are, by their media types."""
    types = sorted({text_of(asset.get("type")) for asset in assets.values() if isinstance(asset, Mapping)} - {""})
    return f"assets of the types {', '.join(types)[:200]}" if types else f"{len(assets)} assets without media types"


def _readable(assets: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    for key, asset in assets.items():
        if isinstance(asset, Mapping) and not OTHERS & _roles(asset):
            driver = _driver(asset)
            if driver is not None:
                yield str(key), asset, driver


def _driver(asset: Mapping[str, Any]) -> str | None:
    """Tell the driver from the roles, the media type, xarray's engine or the ending, in this order."""
    if REFERENCES & _roles(asset):
        return "kerchunk"
    media = text_of(asset.get("type")).partition(";")[0].strip().lower()
    if media in MEDIA_TYPES:
        return MEDIA_TYPES[media]
    opened = asset.get("xarray:open_kwargs")
    engine = opened.get("engine") if isinstance(opened, Mapping) else None
    if isinstance(engine, str) and engine in ENGINES:
        return ENGINES[engine]
    path = text_of(asset.get("href")).partition("?")[0].rstrip("/").lower()
    ending = path[path.rfind(".") :] if "." in path.rpartition("/")[2] else ""
    return DRIVER_OF_ENDING.get(ending) if ending != ".json" else None  # any document may be JSON


def _roles(asset: Mapping[str, Any]) -> set[str]:
    roles = asset.get("roles")
    return {role for role in roles if isinstance(role, str)} if isinstance(roles, list) else set()


def _data_asset(key: str, asset: Mapping[str, Any], driver: str) -> DataAsset:
    opened = mapping(asset.get("xarray:open_kwargs") or {}, "xarray:open_kwargs")
    unknown = sorted(name for name in opened if name not in _WITHOUT_EFFECT and name not in _HONOURED)
    if unknown:
        raise UnfitError(
            f"xarray:open_kwargs among {', '.join((*_HONOURED, *sorted(_WITHOUT_EFFECT)))}", shown(unknown[0])
        )
    storage = asset.get("xarray:storage_options") or opened.get("storage_options") or {}
    options = access(mapping(storage, "xarray:storage_options"))
    group = opened.get("group")
    if group is not None:
        if not isinstance(group, str):
            raise UnfitError("the name of a group", shown(group))
        options["group"] = group
    return DataAsset(key, driver, asset.get("href"), text_of(asset.get("title")) or key, options, _names(opened))


def _names(opened: Mapping[str, Any]) -> tuple[str, ...]:
    given = opened.get("drop_variables") or ()
    names = (given,) if isinstance(given, str) else given
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise UnfitError("names of variables under drop_variables", shown(given))
    return tuple(names)
