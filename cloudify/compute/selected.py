"""The variables of a dataset that a function is given, and the coordinates that belong to them, all decoded."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from cloudify.datasets.companions import data_of
from cloudify.datasets.grid import bounds_of, conventional
from cloudify.datasets.opened import Opened
from cloudify.errors import BadInputError, UnknownVariableError

OBJECT_NBYTES: Final = 64
"""About what a text or a time of another calendar takes in memory."""

_WORD = re.compile(r"[^\s:]+")


@dataclass(frozen=True, eq=False)
class Selected:
    """What a block is made of, whole and not read."""

    data: Mapping[str, xr.Variable]
    """Name -> variable, in the order they were asked for."""
    coords: Mapping[str, xr.Variable]
    """Coordinates of these, their bounds and grid mappings."""
    listed: frozenset[str]
    """Those coordinates that are no bounds and no grid mapping."""
    paths: Mapping[str, str]
    """Name -> path in the dataset."""
    sizes: Mapping[str, int]
    """Dimension -> elements."""
    attrs: Mapping[str, Any]
    """Of the group that the first variable lies in."""

    @property
    def variables(self) -> Mapping[str, xr.Variable]:
        """All of them."""
        return {**self.coords, **self.data}


def default_paths(opened: Opened, group: str) -> list[str]:
    """Return the paths of the data variables of a group: what no other points to as bounds or grid mapping.

    Raises
    ------
    BadInputError
        If there are none, naming those of other groups.
    """
    names = data_of(conventional(opened.tree[f"/{group}"].to_dataset()))
    if names:
        return [_join(group, name) for name in names]
    elsewhere = [_join(path, str(name)) for path, ds in _groups(opened) for name in ds.data_vars]
    there = f"name some of {', '.join(elsewhere[:20])}"[:400] if elsewhere else "it holds coordinates only"
    raise BadInputError("variables", f"the dataset has no data variable in its root; {there}")


def find_paths(opened: Opened, names: Iterable[str], group: str) -> list[str]:
    """Return the path of each variable: in the group, else as it is written, else in the one group that has it.

    Raises
    ------
    UnknownVariableError
        If there is none of this name.
    BadInputError
        If several groups have one, or two would have one name in a block.
    """
    known = {_join(path, str(name)): None for path, ds in _groups(opened) for name in ds.variables}
    paths = [_find(name.strip("/"), known, group) for name in names]
    last: dict[str, str] = {}
    for path in paths:
        name = path.rpartition("/")[2]
        if name in last:
            raise BadInputError(
                "variables", f"{last[name]!r} and {path!r} would both be {name!r} in a block; run a job for each"
            )
        last[name] = path
    return paths


def select(opened: Opened, paths: Sequence[str]) -> Selected:
    """Return the variables at some paths with their coordinates. Blocks: coordinates of dimensions are read.

    Raises
    ------
    BadInputError
        If a dimension or a coordinate of theirs is one thing in one group and another in another.
    """
    data: dict[str, xr.Variable] = {}
    coords: dict[str, xr.Variable] = {}
    origin: dict[str, str] = {}
    listed: set[str] = set()
    sizes: dict[str, tuple[int, str]] = {}
    by_group: dict[str, list[str]] = {}
    for path in paths:
        by_group.setdefault(path.rpartition("/")[0], []).append(path.rpartition("/")[2])
    for group, names in by_group.items():
        ds = conventional(opened.tree[f"/{group}"].to_dataset())
        ds = ds.set_coords(_on_meshes(ds, names))
        listed.update(map(str, ds.coords))
        for name in [*names, *_coordinates(ds, names)]:
            variable = ds.variables[name]
            for dim, size in variable.sizes.items():
                _check_size(sizes, str(dim), size, group)
            if name in names:
                data[name] = variable
            elif name in coords:
                _check_same(name, coords[name], variable, origin[name], group)
                continue
            else:
                coords[name] = variable
            origin[name] = _owner(opened, group, name)
    clash = next((name for name in data if name in coords), None)
    if clash is not None:
        raise BadInputError("variables", f"{clash!r} is a variable of one group and a coordinate of another")
    first = paths[0].rpartition("/")[0]
    return Selected(
        {path.rpartition("/")[2]: data[path.rpartition("/")[2]] for path in paths},
        coords,
        frozenset(listed & set(coords)),
        {name: _join(group, name) for name, group in origin.items()},
        {dim: size for dim, (size, _) in sizes.items()},
        {str(name): value for name, value in opened.tree[f"/{first}"].attrs.items()},
    )


def itemsize(dtype: np.dtype[Any]) -> int:
    """Return the bytes of an element in memory, of Python objects about."""
    return OBJECT_NBYTES if dtype.kind in "OT" else dtype.itemsize


def _groups(opened: Opened) -> Iterator[tuple[str, xr.Dataset]]:
    for node in opened.tree.subtree:
        yield node.path.strip("/"), node.dataset


def _join(group: str, name: str) -> str:
    return f"{group}/{name}" if group else name


def _find(name: str, known: Mapping[str, None], group: str) -> str:
    for path in (_join(group, name), name):
        if path in known:
            return path
    found = [path for path in known if path.rpartition("/")[2] == name]
    if not found:
        raise UnknownVariableError(name, known)
    if len(found) > 1:
        raise BadInputError("variables", f"{name!r} is in several groups; write one of {', '.join(found[:10])}"[:400])
    return found[0]


def _coordinates(ds: xr.Dataset, names: Sequence[str]) -> list[str]:
    """Return the coordinates of variables, their bounds and the grid mapping, as far as a block can hold them."""
    of_names = [str(name) for name in ds[list(names)].coords if str(name) not in names]
    beside = [bounds_of(ds, name) for name in of_names]
    for name in names:
        variable = ds.variables[name]
        pointer = variable.attrs.get("grid_mapping", variable.encoding.get("grid_mapping"))
        beside += _WORD.findall(pointer) if isinstance(pointer, str) else []
    found = dict.fromkeys([*of_names, *(name for name in beside if name in ds.variables)])
    return [name for name in found if name not in names and not _is_multi_index(ds, name)]


def _on_meshes(ds: xr.Dataset, names: Sequence[str]) -> list[str]:
    """Return the coordinates that the meshes of variables name (UGRID), which the variables do not."""
    found: list[str] = []
    for variable in (ds.variables[name] for name in names):
        mesh, location = variable.attrs.get("mesh"), variable.attrs.get("location")
        if isinstance(mesh, str) and mesh in ds.variables:
            told = str(ds.variables[mesh].attrs.get(f"{location}_coordinates", "")).split()
            found += [
                name for name in told if name in ds.variables and set(ds.variables[name].dims) <= set(variable.dims)
            ]
    return [name for name in found if name not in names]


def _is_multi_index(ds: xr.Dataset, name: str) -> bool:
    """Whether a coordinate is made of others, which are there too."""
    return name in ds.dims and name in ds.xindexes and isinstance(ds.xindexes[name].to_pandas_index(), pd.MultiIndex)


def _owner(opened: Opened, group: str, name: str) -> str:
    """Return the group that has a variable, which groups below it inherit."""
    while group and name not in opened.groups.get(f"/{group}", ()):
        group = group.rpartition("/")[0]
    return group


def _check_size(sizes: dict[str, tuple[int, str]], dim: str, size: int, group: str) -> None:
    before, where = sizes.setdefault(dim, (size, group))
    if before != size:
        raise BadInputError(
            "variables",
            f"the dimension {dim!r} has {before} elements in {where or 'the root'!r} and {size} in "
            f"{group or 'the root'!r}; run a job for each group",
        )


def _check_same(name: str, one: xr.Variable, other: xr.Variable, where: str, group: str) -> None:
    if not one.equals(other):  # type: ignore[no-untyped-call]
        raise BadInputError(
            "variables",
            f"the coordinate {name!r} has other values in {where or 'the root'!r} than in {group or 'the root'!r}; "
            "run a job for each group",
        )
