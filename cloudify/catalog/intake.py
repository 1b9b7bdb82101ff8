"""Intake catalogs as entries: version 1 (``sources``) and version 2 (``data`` and ``entries``), read without intake.

What an intake catalog can say and a server cannot honour (globs, shell and environment templates, drivers of other
libraries) is a fault of that source; the others are served.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import yaml

from cloudify.catalog.access import access
from cloudify.catalog.base import Base
from cloudify.catalog.catalog import Catalog, Fault
from cloudify.catalog.nodes import NotPlainError, construct, pairs
from cloudify.catalog.unfit import UnfitError, mapping, shown, text_of, valid_id
from cloudify.model.entry import Entry

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

_TEMPLATE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
_BRACES = re.compile(r"\{[^{}]*\}")
_DATA = re.compile(r"\{data\(([^)]*)\)\}")


class _Source(NamedTuple):
    """What a catalog says under one name."""

    line: int
    value: object


def is_intake(keys: set[str]) -> bool:
    """Whether a YAML file with these keys is an intake catalog."""
    return "datasets" not in keys and ("sources" in keys or {"version", "data"} <= keys)


def read_intake(name: str, root: yaml.Node | None, base: Base) -> Catalog:
    """Read an intake catalog; what cannot be served comes back as faults with the lines of their sources.

    Parameters
    ----------
    name
        What its faults call it.
    """
    sections = pairs(root)
    is_v2 = "data" in sections
    faults: list[Fault] = []
    try:
        sources = _v2_sources(name, sections, faults) if is_v2 else _section(name, sections, "sources", faults)
    except UnfitError as error:
        return Catalog(faults=(*faults, Fault(name, 1, *error.args)))
    make = _v2_entry if is_v2 else _v1_entry
    entries: list[Entry] = []
    for key, source in sources.items():
        try:
            entries.append(make(valid_id(key), mapping(source.value, "a source"), base))
        except UnfitError as error:
            faults.append(Fault(name, source.line, *error.args))
    title = pairs(sections.get("metadata")).get("title")
    return Catalog(tuple(entries), tuple(faults), str(title.value) if isinstance(title, yaml.ScalarNode) else "")


def _section(name: str, sections: Mapping[str, yaml.Node], section: str, faults: list[Fault]) -> dict[str, _Source]:
    """Return the plain values of a section; one that is not plain is a fault and left out."""
    node = sections.get(section)
    if not isinstance(node, yaml.MappingNode):
        raise UnfitError(f"a mapping as {section}", shown(getattr(node, "value", None)))
    found: dict[str, _Source] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            faults.append(Fault(name, line, "a text as key", "another"))
            continue
        try:
            found[str(key.value)] = _Source(line, construct(value))
        except NotPlainError as error:
            faults.append(Fault(name, line, "plain YAML", str(error)))
    return found


def _v1_entry(name: str, source: Mapping[str, Any], base: Base) -> Entry:
    args = mapping(source.get("args", {}), "args")
    named = source.get("driver")
    driver = DRIVERS.get(named) if isinstance(named, str) else None
    if driver is None:
        raise UnfitError(f"one of the drivers {', '.join(sorted(DRIVERS))}", shown(named))
    href = args.get("urlpath")
    storage = mapping(args.get("storage_options") or {}, "storage_options")
    if isinstance(href, str) and href.startswith("reference://"):
        driver, href, storage = "kerchunk", storage.get("fo"), {}
    variables = _folder(base) | dict(_defaults(source.get("parameters") or {}))
    return _entry(name, driver, _expand(href, variables), base, source, access(storage))


def _folder(base: Base) -> dict[str, str]:
    return {"CATALOG_DIR": base.href.rpartition("/")[0]}


def _defaults(parameters: object) -> Iterator[tuple[str, str]]:
    for name, parameter in mapping(parameters, "parameters").items():
        if isinstance(parameter, Mapping) and isinstance(parameter.get("default"), str | int | float):
            yield str(name), str(parameter["default"])


def _v2_sources(name: str, sections: Mapping[str, yaml.Node], faults: list[Fault]) -> dict[str, _Source]:
    """Join readers with the data they read; data that no reader reads are sources by themselves."""
    data = _section(name, sections, "data", faults)
    has_entries = bool(getattr(sections.get("entries"), "value", None))
    entries = _section(name, sections, "entries", faults) if has_entries else {}
    found: dict[str, _Source] = {}
    used: set[str] = set()
    for key, (line, entry) in entries.items():
        kwargs = entry.get("kwargs") if isinstance(entry, Mapping) else None
        named = kwargs.get("data") if isinstance(kwargs, Mapping) else None
        pointer = _DATA.fullmatch(named) if isinstance(named, str) else None
        if pointer and pointer[1] in data:
            used.add(pointer[1])
            found[key] = _Source(line, data[pointer[1]].value)
        else:
            found[key] = _Source(line, {"datatype": "a pipeline"})
    return found | {key: datum for key, datum in data.items() if key not in used}


def _v2_entry(name: str, source: Mapping[str, Any], base: Base) -> Entry:
    kind = text_of(source.get("datatype")).rpartition(":")[2]
    driver = DATATYPES.get(kind)
    if driver is None:
        raise UnfitError(f"data of one of the types {', '.join(DATATYPES)}", shown(kind or source.get("datatype")))
    kwargs = mapping(source.get("kwargs", {}), "kwargs")
    options = access(mapping(kwargs.get("storage_options") or {}, "storage_options"))
    url = kwargs.get("url")
    if isinstance(url, str):
        url = url.replace("{CATALOG_DIR}", _folder(base)["CATALOG_DIR"])  # version 2 fills in as `str.format` does
        if _BRACES.search(url):
            raise UnfitError("no template but CATALOG_DIR", shown(url))
    return _entry(name, driver, _expand(url, {}), base, source, options)


def _entry(
    name: str, driver: str, href: str, base: Base, source: Mapping[str, Any], options: Mapping[str, object]
) -> Entry:
    metadata = source.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    description = text_of(source.get("description")) or text_of(metadata.get("description"))
    where = base.resolve(href)
    return Entry(
        name,
        driver,
        where,
        title=text_of(metadata.get("title")) or description or name,
        description=description,
        license=text_of(metadata.get("license")),
        options=base.options(options, where),
    )


def _expand(href: object, variables: Mapping[str, str]) -> str:
    """Fill in the catalog's folder and the defaults of parameters; nothing else is evaluated."""
    if not isinstance(href, str) or not href:
        raise UnfitError("one path or URL", shown(href))
    filled = _TEMPLATE.sub(lambda match: variables.get(match[1], match[0]), href)
    if "{{" in filled or "{%" in filled:
        raise UnfitError("no template but CATALOG_DIR and parameters with a default", shown(href))
    if "*" in filled:
        raise UnfitError("one path or URL", f"a pattern, {shown(filled)}")
    return filled
