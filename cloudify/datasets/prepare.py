"""What a catalog's ``prepare`` does to the groups of a dataset.

It is done to stored values, lazily: a chunk costs its own elements and no more. Integers that stand for numbers by a
scale or an offset are no floats and stay as they are, and so do floats that have one.
"""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

import xarray as xr

from cloudify.datasets.labels import labels_of
from cloudify.datasets.rounding import Rounding, map_elements
from cloudify.datasets.source import RefusedError
from cloudify.errors import SUGGEST_AMONG
from cloudify.model.preparation import NOTHING, Preparation

_POINTERS = ("bounds", "climatology", "grid_mapping")
"""Attributes that name one variable."""
_LISTS = ("coordinates", "ancillary_variables", "cell_measures", "formula_terms")
"""Attributes that name several."""
_NOT_DATA = ("coordinates", "cell_measures", "formula_terms", *_POINTERS)
"""What these name is no data variable (CF conventions, chapters 5 and 7)."""
_PLACES = ("degrees_north", "degrees_east", "degree_north", "degree_east")
_GRID = ("chunks", "chunksizes", "contiguous")
"""Encoding that says which chunks the source has."""

Groups = Mapping[str, xr.Dataset]


def prepare(groups: Groups, wanted: Preparation) -> Groups:
    """Return the groups of a dataset as a catalog wants them; nothing but the coordinate of ``split`` is read.

    Raises
    ------
    RefusedError
        If a variable or dimension that is named is not there.
    """
    if wanted == NOTHING:
        return groups
    known = {_path(path, name) for path, ds in groups.items() for name in ds.variables}
    for option in ("drop", "promote"):
        for name in getattr(wanted, option):
            if name not in known:
                raise _absent(option, "variable", name, known)
    others = _other_than_data(groups)
    dims = {str(dim) for ds in groups.values() for dim in ds.dims} - {wanted.split}
    for dim, _ in wanted.chunks:
        if dim not in dims:
            raise _absent("chunk", "dimension", dim, dims)
    position = _position(groups, wanted)
    return {path: _prepare_group(path, ds, wanted, position, others) for path, ds in groups.items()}


def left_alone(groups: Groups, wanted: Preparation) -> Iterator[tuple[str, str]]:
    """Yield the data variables that ``float32`` and ``keepbits`` do not reach, and why."""
    if not wanted.float32 and wanted.keepbits is None:
        return
    others = _other_than_data(groups)
    for path, ds in groups.items():
        for name, variable in ds.variables.items():
            if name not in others and variable.dtype.kind in "iuf" and _is_packed(variable):
                yield _path(path, name), f"packed as {variable.dtype}: float32 and keepbits leave it as it is"


def _position(groups: Groups, wanted: Preparation) -> int | None:
    if not wanted.label:
        return None
    labels = labels_of(groups, wanted.split)
    if wanted.label not in labels:
        raise RefusedError(f"its source has no {wanted.split} {wanted.label!r} any more")
    return labels.index(wanted.label)


def _prepare_group(
    path: str, ds: xr.Dataset, wanted: Preparation, position: int | None, others: set[str]
) -> xr.Dataset:
    variables = {name: variable.copy(deep=False) for name, variable in ds.variables.items()}
    promoted = [name for name in variables if _path(path, name) in wanted.promote]
    if position is not None:
        variables = {name: _element(variable, wanted.split, position) for name, variable in variables.items()}
        promoted += [wanted.split] if wanted.split in variables else []
    dropped = {name for name in variables if _path(path, name) in wanted.drop}
    variables = {name: variable for name, variable in variables.items() if name not in dropped}
    attrs = dict(ds.attrs)
    for variable in variables.values():
        _forget(variable.attrs, dropped)
    _forget(attrs, dropped)
    for name in promoted:
        if name in variables:
            _promote(str(name), variables, attrs, others.union(map(str, promoted)))
    if wanted.float32 or wanted.keepbits is not None:
        stay = others.union(map(str, promoted))
        variables = {name: v if name in stay else _round(v, wanted) for name, v in variables.items()}
    coords = {name: variable for name, variable in variables.items() if name in ds.coords or variable.dims == (name,)}
    data = {name: variable for name, variable in variables.items() if name not in coords}
    prepared = xr.Dataset(data, coords=xr.Coordinates(coords, indexes={}), attrs=attrs)
    prepared.set_close(ds.close)  # holds the source, which wants to be closed before Python ends (datasets.netcdf)
    return prepared


def _element(variable: xr.Variable, dim: str, position: int) -> xr.Variable:
    """Return a variable at one position of a dimension, which goes; the chunks of the others stay."""
    if dim not in variable.dims:
        return variable
    axis = variable.dims.index(dim)
    taken = variable.isel({dim: position})
    taken.encoding = _grid_encoding(variable)
    for key in ("chunks", "chunksizes"):
        sizes = taken.encoding.get(key)
        if sizes:
            taken.encoding[key] = (*sizes[:axis], *sizes[axis + 1 :])
    return taken


def _promote(name: str, variables: Mapping[Any, xr.Variable], attrs: dict[str, Any], others: set[str]) -> None:
    """Name a variable in the attribute ``coordinates`` of the data it belongs to, as xarray does when it writes."""
    dims = set(variables[name].dims)
    found = False
    for other, variable in variables.items():
        if other != name and other not in others and dims.issubset(variable.dims):
            _add_word(variable.attrs, name)
            found = True
    if not found:
        _add_word(attrs, name)


def _add_word(attrs: dict[Any, Any], name: str) -> None:
    words = str(attrs.get("coordinates", "")).split()
    attrs["coordinates"] = " ".join([*words, *([] if name in words else [name])])


def _forget(attrs: dict[Any, Any], dropped: set[Any]) -> None:
    """Take away from attributes what names a dropped variable."""
    for key in _POINTERS:
        if attrs.get(key) in dropped:
            del attrs[key]
    for key in _LISTS[:2]:
        value = attrs.get(key)
        if isinstance(value, str) and dropped.intersection(value.split()):
            attrs[key] = " ".join(word for word in value.split() if word not in dropped)
            if not attrs[key]:
                del attrs[key]


def _round(variable: xr.Variable, wanted: Preparation) -> xr.Variable:
    if variable.dtype.kind != "f" or _is_packed(variable):
        return variable
    rounding = Rounding.of(variable, to_float32=wanted.float32, keepbits=wanted.keepbits)
    if rounding is None:
        return variable
    rounded = map_elements(variable, rounding, rounding.dtype)
    rounded.attrs = rounding.attributes(variable.attrs)
    rounded.encoding = _grid_encoding(variable)
    return rounded


def _is_packed(variable: xr.Variable) -> bool:
    return "scale_factor" in variable.attrs or "add_offset" in variable.attrs


def _grid_encoding(variable: xr.Variable) -> dict[Any, Any]:
    return {key: variable.encoding[key] for key in _GRID if key in variable.encoding}


def _other_than_data(groups: Groups) -> set[str]:
    """Return the names of coordinates, their bounds, and what else describes the data rather than being it."""
    found: set[str] = set()
    for ds in groups.values():
        found.update(map(str, ds.dims))
        for attrs in (ds.attrs, *(variable.attrs for variable in ds.variables.values())):
            for key in _NOT_DATA:
                found.update(str(attrs.get(key, "")).replace(":", " ").split())
        found.update(str(name) for name, variable in ds.variables.items() if _says_where_or_when(variable.attrs))
        found.update(str(name) for name in ds.coords)
    return found


def _says_where_or_when(attrs: Mapping[Any, Any]) -> bool:
    units = str(attrs.get("units", ""))
    return units in _PLACES or " since " in units or "axis" in attrs or "calendar" in attrs or "positive" in attrs


def _path(group: str, name: object) -> str:
    return f"{group.strip('/')}/{name}".lstrip("/")


def _absent(option: str, kind: str, name: str, known: Iterable[str]) -> RefusedError:
    names = sorted(known)
    near = get_close_matches(name[:128], names, n=1) if len(names) <= SUGGEST_AMONG else []
    hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(names[:12])}"
    return RefusedError(f"its catalog wants to {option} the {kind} {name[:80]!r}, which it lacks; {hint}")
