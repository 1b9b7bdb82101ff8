"""Intake catalogs as entries: version 1 (``sources``) and version 2 (``data`` and ``entries``), read without intake.

What an intake catalog can say and a server cannot honour (globs, shell and environment templates, drivers of other
libraries) is a fault of that source; the others are served.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from cloudify.catalog.catalog import Catalog, Fault
from cloudify.catalog.driver import absolute_href
from cloudify.model.entry import Entry, is_valid_id, suggest_id

DRIVERS = {
    "zarr": "zarr",
    "zarr_cat": "zarr",
    "netcdf": "netcdf",
    "rasterio": "raster",
    "intake_xarray.xzarr.ZarrSource": "zarr",
}
"""intake-xarray's drivers -> ours."""
DATATYPES = {"Zarr": "zarr", "HDF5": "netcdf", "NetCDF3": "netcdf", "GRIB2": "grib", "TIFF": "raster"}
"""Data types of intake 2 -> ours."""

ACCESS = {
    "anon": "anonymous", "key": "access_key_id", "secret": "secret_access_key", "endpoint_url": "endpoint_url",
    "region_name": "region", "headers": "headers",
}  # fmt: skip
"""fsspec's storage options -> those of our openers."""

_TEMPLATE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
_DATA = re.compile(r"\{data\(([^)]*)\)\}")


class _UnfitError(ValueError):
    """A source that cannot be served: what was expected, what was found."""


def is_intake(keys: set[str]) -> bool:
    """Whether a YAML file with these keys is an intake catalog."""
    return "datasets" not in keys and ("sources" in keys or {"version", "data"} <= keys)


def read_intake(path: Path, text: str) -> Catalog:
    """Read an intake catalog; what cannot be served comes back as faults with the lines of their sources."""
    try:
        content = yaml.safe_load(text)
        sources = _v2_sources(content) if _is_v2(content) else _mapping(content.get("sources"), "sources")
    except yaml.YAMLError as error:
        return Catalog(faults=(Fault(str(path), 0, "plain YAML", type(error).__name__),))
    except _UnfitError as error:
        return Catalog(faults=(Fault(str(path), 1, *error.args),))
    folder = path.resolve().parent
    lines = _lines(text, "entries" if _is_v2(content) else "sources")
    make = _v2_entry if _is_v2(content) else _v1_entry
    entries: list[Entry] = []
    faults: list[Fault] = []
    for name, source in sources.items():
        try:
            entries.append(make(_id(name), _mapping(source, "a source"), folder))
        except _UnfitError as error:
            faults.append(Fault(str(path), lines.get(str(name), 0), *error.args))
    metadata = content.get("metadata")
    title = metadata.get("title", "") if isinstance(metadata, Mapping) else ""
    return Catalog(tuple(entries), tuple(faults), str(title))


def _is_v2(content: Mapping[Any, Any]) -> bool:
    return "data" in content


def _v1_entry(name: str, source: Mapping[str, Any], folder: Path) -> Entry:
    args = _mapping(source.get("args", {}), "args")
    driver = DRIVERS.get(str(source.get("driver")))
    if driver is None:
        raise _UnfitError(f"one of the drivers {', '.join(sorted(DRIVERS))}", repr(source.get("driver")))
    href = args.get("urlpath")
    storage = _mapping(args.get("storage_options") or {}, "storage_options")
    if isinstance(href, str) and href.startswith("reference://"):
        driver, href, storage = "kerchunk", storage.get("fo"), {}
    variables = {"CATALOG_DIR": str(folder)} | dict(_defaults(source.get("parameters") or {}))
    return _entry(name, driver, _expand(href, variables), folder, source, _access(storage))


def _defaults(parameters: object) -> Iterator[tuple[str, str]]:
    for name, parameter in _mapping(parameters, "parameters").items():
        if isinstance(parameter, Mapping) and "default" in parameter:
            yield str(name), str(parameter["default"])


def _v2_sources(content: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Join readers with the data they read; data that no reader reads are sources by themselves."""
    data = _mapping(content["data"], "data")
    entries = _mapping(content.get("entries") or {}, "entries")
    found: dict[str, Mapping[str, Any]] = {}
    used: set[str] = set()
    for name, entry in entries.items():
        kwargs = entry.get("kwargs") if isinstance(entry, Mapping) else None
        pointer = _DATA.fullmatch(str(kwargs.get("data", ""))) if isinstance(kwargs, Mapping) else None
        if pointer and pointer[1] in data:
            used.add(pointer[1])
            found[name] = data[pointer[1]]
        else:
            found[name] = {"datatype": "a pipeline"}
    return found | {name: datum for name, datum in data.items() if name not in used}


def _v2_entry(name: str, source: Mapping[str, Any], folder: Path) -> Entry:
    kind = str(source.get("datatype", "")).rpartition(":")[2]
    driver = DATATYPES.get(kind)
    if driver is None:
        raise _UnfitError(f"data of one of the types {', '.join(DATATYPES)}", repr(kind or source.get("datatype")))
    kwargs = _mapping(source.get("kwargs", {}), "kwargs")
    access = _access(_mapping(kwargs.get("storage_options") or {}, "storage_options"))
    return _entry(name, driver, _expand(kwargs.get("url"), {"CATALOG_DIR": str(folder)}), folder, source, access)


def _access(storage: Mapping[str, Any]) -> dict[str, object]:
    """Return fsspec's storage options as the options of our openers."""
    flat = {name: value for name, value in storage.items() if name != "client_kwargs"}
    flat |= _mapping(storage.get("client_kwargs") or {}, "client_kwargs")
    unknown = set(map(str, flat)) - set(ACCESS)
    if unknown:
        raise _UnfitError(f"storage options among {', '.join(ACCESS)}", ", ".join(sorted(unknown))[:80])
    return {ACCESS[name]: value for name, value in flat.items()}


def _id(name: object) -> str:
    if not is_valid_id(str(name)):
        raise _UnfitError(f"an id such as {suggest_id(str(name))!r}", repr(name))
    return str(name)


def _entry(
    name: str, driver: str, href: str, folder: Path, source: Mapping[str, Any], options: Mapping[str, object]
) -> Entry:
    metadata = source.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    description = str(source.get("description") or metadata.get("description") or "")
    return Entry(
        name,
        driver,
        absolute_href(href, folder),
        title=str(metadata.get("title") or description or name),
        description=description,
        license=str(metadata.get("license") or ""),
        options=options,
    )


def _expand(href: object, variables: Mapping[str, str]) -> str:
    """Fill in the catalog's folder and the defaults of parameters; nothing else is evaluated."""
    if not isinstance(href, str) or not href:
        raise _UnfitError("one path or URL", repr(href)[:80])
    filled = _TEMPLATE.sub(lambda match: variables.get(match[1], match[0]), href)
    if "{{" in filled or "{%" in filled:
        raise _UnfitError("no template but CATALOG_DIR and parameters with a default", repr(href)[:80])
    if "*" in filled:
        raise _UnfitError("one path or URL", f"a pattern, {filled[:80]!r}")
    return filled


def _mapping(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _UnfitError(f"a mapping as {what}", repr(value)[:80])
    return value


def _lines(text: str, section: str) -> dict[str, int]:
    """Return the line of each key of a section, counted from 1."""
    root = yaml.compose(text, Loader=yaml.CSafeLoader)
    for key, value in root.value if isinstance(root, yaml.MappingNode) else ():
        if key.value == section and isinstance(value, yaml.MappingNode):
            return {str(name.value): name.start_mark.line + 1 for name, _ in value.value}
    return {}
