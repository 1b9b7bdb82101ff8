"""Which variables belong with others: their coordinates, bounds, grid mappings, measures, the mesh they lie on."""

import re
from collections.abc import Iterable, Iterator, Mapping

import xarray as xr

POINTERS = (
    "coordinates", "bounds", "climatology", "grid_mapping", "formula_terms", "mesh", "node_coordinates",
    "face_coordinates", "edge_coordinates",
)  # fmt: skip
"""Attributes that name what a variable cannot be understood without."""
CONNECTIVITY = "_connectivity"
"""How attributes of a mesh end that name which cells, edges and nodes are neighbours."""
MEASURES = ("cell_measures", "ancillary_variables")
"""Attributes that name what is worth having beside a variable where it lies on the same places."""

_WORD = re.compile(r"[^\s:]+")


def with_companions(variables: Mapping[str, xr.Variable], names: Iterable[str]) -> list[str]:
    """Return variables and what belongs with them, in the order of the dataset.

    Parameters
    ----------
    variables
        As the source stores them, attributes included.
    """
    asked = [name for name in names if name in variables]
    dims = {dim for name in asked for dim in variables[name].dims}
    found: dict[str, None] = {}
    pending = list(asked)
    while pending:
        name = pending.pop()
        if name not in found:
            found[name] = None
            pending += _pointed(variables, variables[name], dims)
    return [name for name in variables if name in found]


def data_of(ds: xr.Dataset) -> list[str]:
    """Return the data variables of a decoded group: what no other points to as bounds, grid mapping or mesh."""
    pointed = {
        word
        for variable in ds.variables.values()
        for key in (*POINTERS, *_connections(variable))
        for word in _words(variable.attrs.get(key, variable.encoding.get(key)))
    }
    meshes = {str(name) for name, variable in ds.variables.items() if variable.attrs.get("cf_role") == "mesh_topology"}
    return [str(name) for name in ds.data_vars if name not in pointed | meshes]


def one_of_each(variables: Mapping[str, xr.Variable], names: Iterable[str]) -> list[str]:
    """Return names of which no two lie on the same dimensions with the same coordinates: what is true of one is of all.

    To look at a variable takes a while where there are thousands.
    """
    keys = ("coordinates", "grid_mapping", "mesh", "location")
    found: dict[tuple[object, ...], str] = {}
    for name in names:
        variable = variables[name]
        said = (str(variable.attrs.get(key, variable.encoding.get(key))) for key in keys)
        found.setdefault((variable.dims, *said), name)
    return list(found.values())


def _pointed(variables: Mapping[str, xr.Variable], variable: xr.Variable, dims: set[object]) -> Iterator[str]:
    for dim in variable.dims:
        if dim in variables and dim in variables[str(dim)].dims:
            yield str(dim)
    for key in (*POINTERS, *_connections(variable)):
        yield from (word for word in _words(variable.attrs.get(key)) if word in variables)
    for key in MEASURES:
        yield from (
            word for word in _words(variable.attrs.get(key)) if word in variables and dims >= set(variables[word].dims)
        )


def _connections(variable: xr.Variable) -> list[str]:
    return [key for key in map(str, variable.attrs) if key.endswith(CONNECTIVITY)]


def _words(value: object) -> list[str]:
    """Return the names in an attribute: ``area: areacella``, ``crs: x y``, ``lat lon``."""
    return _WORD.findall(value) if isinstance(value, str) else []
