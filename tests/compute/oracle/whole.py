"""What a job over a dataset has to give: blocks cut by hand, results put together element by element."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import cftime
import numpy as np
import xarray as xr

import cloudify.slice

Array = np.ndarray[Any, np.dtype[Any]]
POINTERS = ("bounds", "climatology", "grid_mapping")


@dataclass
class Expected:
    """A variable of a result."""

    dims: tuple[str, ...]
    values: Array
    chunks: tuple[int, ...] | None = None
    """None where any will do."""
    attrs: Mapping[str, Any] | None = None


@dataclass
class Job:
    """What is asked, with sizes of chunks for all dimensions that are cut."""

    ds: xr.Dataset
    """The dataset as xarray alone opens it."""
    names: list[str]
    chunks: dict[str, int]
    """In the order of the plan."""
    overlap: dict[str, int]
    function: Callable[..., Any]
    args: dict[str, Any]
    rank: int
    """How many of the dimensions are those of the largest variable."""
    outs: dict[int, Any] = field(default_factory=dict)
    """What the function returned, by number of the slice; of a slice that failed there is nothing."""

    @property
    def sizes(self) -> dict[str, int]:
        return {dim: self.ds.sizes[dim] for dim in self.chunks}

    def places(self) -> Iterator[tuple[int, dict[str, int]]]:
        counts = [range(-(-self.sizes[dim] // chunk)) for dim, chunk in self.chunks.items()]
        for number, index in enumerate(product(*counts), 1):
            yield number, dict(zip(self.chunks, index, strict=True))

    def inner(self, place: Mapping[str, int]) -> dict[str, tuple[int, int]]:
        """Return the range of a cell along each dimension."""
        return {
            dim: (place[dim] * chunk, min((place[dim] + 1) * chunk, self.sizes[dim]))
            for dim, chunk in self.chunks.items()
        }

    def outer(self, place: Mapping[str, int]) -> dict[str, tuple[int, int]]:
        """Return the same with the overlap."""
        more = {dim: self.overlap.get(dim, 0) for dim in self.chunks}
        ranges = self.inner(place).items()
        return {dim: (max(0, lo - more[dim]), min(self.sizes[dim], hi + more[dim])) for dim, (lo, hi) in ranges}

    def block(self, place: Mapping[str, int]) -> xr.Dataset:
        """Return a block, in memory."""
        whole = chosen(self.ds, self.names)
        parts = {dim: slice(*span) for dim, span in self.outer(place).items() if dim in whole.dims}
        block = whole.isel(parts).copy(deep=True)
        texts = [name for name, one in block.variables.items() if one.dtype.kind in "UT"]
        return block.assign({name: block[name].astype(object) for name in texts})  # as Python has them

    def run(self) -> "Job":
        """Call the function with each block."""
        for number, place in self.places():
            cloudify.slice.number = number
            try:
                self.outs[number] = self.function(self.block(place), **self.args)
            except ValueError as error:
                assert "was told" in str(error)  # noqa: PT017
        cloudify.slice.number = 1
        return self

    def result(self) -> dict[str, Expected]:
        """Put results together that are arrays; by name, coordinates included."""
        return _Assembled(self).all()


def served_dims(ds: xr.Dataset, names: list[str]) -> tuple[str, ...]:
    """Return the dimensions of the variable with the most of them, the first of several."""
    best = max(len(ds[name].dims) for name in names)
    return tuple(map(str, next(ds[name].dims for name in names if len(ds[name].dims) == best)))


def default_names(ds: xr.Dataset) -> list[str]:
    """Return the variables that are data: those that no other one names as its bounds or grid mapping."""
    named = {word for one in ds.variables.values() for key in POINTERS for word in str(_said(one, key)).split()}
    return [str(name) for name in ds.data_vars if name not in named]


def chosen(ds: xr.Dataset, names: list[str]) -> xr.Dataset:
    """Return some variables with their coordinates, the bounds of these, and grid mappings, as coordinates."""
    small = ds[names]
    beside = [str(_said(one, "bounds") or _said(one, "climatology")) for one in small.coords.variables.values()]
    beside += [str(_said(small.variables[name], "grid_mapping")) for name in names]
    return small.assign_coords(
        {name: ds.variables[name] for name in beside if name in ds.variables and name not in names}
    )


def _said(variable: xr.Variable, key: str) -> Any:
    return variable.attrs.get(key, variable.encoding.get(key, ""))


class _Assembled:
    def __init__(self, job: Job) -> None:
        self.job = job
        self.outs = {number: self._dataset(out) for number, out in job.outs.items()}
        self.places = dict(job.places())
        self.first = min(self.outs)
        self.source = chosen(job.ds, job.names)
        self.reduced: dict[str, dict[str, str]] = {}
        """Variable -> dimension of the plan -> its name in the result."""

    def _dataset(self, out: Any) -> xr.Dataset:
        if isinstance(out, np.ndarray):
            out = xr.DataArray(out, dims=list(self.job.chunks)[: self.job.rank])
        if isinstance(out, xr.DataArray):
            name = out.name or self.job.function.__name__
            return out.rename(name).to_dataset()
        return out

    def all(self) -> dict[str, Expected]:
        first, job = self.outs[self.first], self.job
        found = {str(name): self._variable(str(name)) for name in first.data_vars}
        kept = {
            dim
            for name, one in found.items()
            for dim in one.dims
            if dim in job.chunks and dim not in self.reduced[name]
        }
        for name, one in found.items():
            for dim in self.reduced[name]:
                if dim in kept and one.values.shape[one.dims.index(dim)] != job.sizes[dim]:
                    self.reduced[name][dim] = f"{dim}_slice"
            one.dims = tuple(self.reduced[name].get(dim, dim) for dim in one.dims)
        fresh = {dim: size for dim, size in first.sizes.items() if dim not in job.chunks}
        for name in first.coords:
            if str(name) not in found and self._is_changed(str(name)) and not self._is_told(str(name), kept):
                found[str(name)] = self._coordinate(str(name), kept)
        self._from_source(found, kept, fresh)
        self._of_ranges(found, kept)
        return found

    def _variable(self, name: str) -> Expected:
        job, first, place = self.job, self.outs[self.first][name].variable, self.places[self.first]
        spans, before = job.outer(place), self.source.variables.get(name)
        lacked = [dim for dim in job.chunks if before is not None and dim not in first.dims and dim not in before.dims]
        counts = {dim: -(-job.sizes[dim] // chunk) for dim, chunk in job.chunks.items()}
        came_back = bool(lacked) and first.equals(job.block(place)[name].variable)
        without = [dim for dim in lacked if came_back or counts[dim] == 1]
        kept = [d for d in first.dims if d in job.chunks and first.sizes[d] == spans[d][1] - spans[d][0]]
        gone = [dim for dim in job.chunks if dim not in kept and dim not in without]
        self.reduced[name] = {dim: dim for dim in gone}
        return self._placed(name, _inserted([str(d) for d in first.dims], gone, list(job.chunks)), gone)

    def _placed(self, name: str, dims: list[str], gone: list[str]) -> Expected:
        """Put the parts of all slices to their places."""
        job, first = self.job, self.outs[self.first][name].variable
        shape, chunks = [], []
        for dim in dims:
            count = -(-job.sizes[dim] // job.chunks[dim]) if dim in job.chunks else 0
            shape.append(first.sizes[dim] if not count else count if dim in gone else job.sizes[dim])
            chunks.append(first.sizes[dim] if not count else 1 if dim in gone else job.chunks[dim])
        whole = np.full(shape, *_fill(first))
        for number, out in self.outs.items():
            variable, place = out[name].variable, self.places[number]
            if any(dim not in dims and place[dim] != self.places[self.first][dim] for dim in job.chunks):
                continue
            inner, outer = job.inner(place), job.outer(place)
            for dim in gone:
                if dim not in variable.dims:
                    variable = variable.expand_dims(dim)
            trim = {
                dim: slice(inner[dim][0] - outer[dim][0], inner[dim][1] - outer[dim][0])
                for dim in variable.dims
                if dim in job.chunks and dim not in gone
            }
            at = tuple(
                slice(None) if dim not in job.chunks else place[dim] if dim in gone else slice(*inner[dim])
                for dim in dims
            )
            part = variable.isel(trim).transpose(*dims)
            whole[at] = part.isel(dict.fromkeys(gone, 0)).values
        return Expected(tuple(dims), whole, tuple(chunks), dict(first.attrs))

    def _is_told(self, name: str, kept: set[str]) -> bool:
        """Whether a coordinate is that of a reduced dimension, or has a dimension that nothing else has."""
        reduced = {own for dims in self.reduced.values() for own in dims.values()} - kept
        dims = self.outs[self.first][name].dims
        return name in reduced or any(dim in self.job.chunks and dim not in kept | reduced for dim in dims)

    def _is_changed(self, name: str) -> bool:
        came = self.outs[self.first][name].variable
        block = self.job.block(self.places[self.first])
        return name not in block.variables or not came.equals(block[name].variable)

    def _coordinate(self, name: str, kept: set[str]) -> Expected:
        job, first = self.job, self.outs[self.first][name].variable
        before = self.source.variables[name].dims if name in self.source.variables else ()
        lost = [dim for dim in job.chunks if dim in before and dim not in first.dims]
        gone = [*lost, *(d for d in first.dims if d in job.chunks and d not in kept)]
        gone = [dim for dim in job.chunks if dim in gone]
        one = self._placed(name, _inserted([str(d) for d in first.dims], lost, list(job.chunks)), gone)
        names = {dim: own for dims in self.reduced.values() for dim, own in dims.items()}
        one.dims = tuple(names.get(dim, dim) if dim in gone else dim for dim in one.dims)
        return one

    def _from_source(self, found: dict[str, Expected], kept: set[str], fresh: Mapping[Any, int]) -> None:
        is_bare = isinstance(self.job.outs[self.first], np.ndarray)
        first = self.outs[self.first]
        reduced = {own for dims in self.reduced.values() for own in dims.values()} - kept
        bounds_names = {_said(one, "bounds") for one in self.source.variables.values()}
        for name, coord in self.source.coords.items():
            if name in bounds_names:
                continue
            fits = all(d in kept if d in self.job.chunks else fresh.get(d) == coord.sizes[d] for d in coord.dims)
            wanted = is_bare or coord.dims or name in first.coords
            if str(name) in found or not fits or not wanted or str(name) in reduced:
                continue
            found[str(name)] = Expected(tuple(map(str, coord.dims)), coord.values)
            bounds = _said(coord.variable, "bounds")
            if bounds in self.job.ds.variables and bounds not in found:
                told = self.job.ds.variables[bounds]
                found[bounds] = Expected(tuple(map(str, told.dims)), told.values)

    def _of_ranges(self, found: dict[str, Expected], kept: set[str]) -> None:
        job = self.job
        for own, dim in {own: dim for dims in self.reduced.values() for dim, own in dims.items()}.items():
            if own in kept:
                continue  # each slice has one element: the coordinate itself
            starts = np.arange(0, job.sizes[dim], job.chunks[dim])
            ends = np.minimum(starts + job.chunks[dim], job.sizes[dim]) - 1
            coord = self.source.variables.get(dim)
            values = np.arange(job.sizes[dim]) if coord is None else coord.values
            pair = values[starts], values[ends]
            told = "" if coord is None else _said(coord, "bounds")
            if told in self.source.variables:
                bounds = self.source.variables[told].values
                pair = bounds[starts, 0], bounds[ends, 1]
            found[own] = Expected((own,), values[starts])
            found.setdefault(f"{own}_bnds", Expected((own, "*"), np.stack(pair, 1)))


def _inserted(dims: list[str], gone: list[str], order: list[str]) -> list[str]:
    """Return dimensions with those that are gone put in before the first that comes after them in the plan."""
    found = list(dims)
    for dim in gone:
        if dim in found:
            continue
        later = [place for place, one in enumerate(found) if one in order and order.index(one) > order.index(dim)]
        earlier = [place for place, one in enumerate(found) if one in order and order.index(one) < order.index(dim)]
        found.insert(min(later) if later else max(earlier) + 1 if earlier else 0, dim)
    return found


def _fill(variable: xr.Variable) -> tuple[Any, Any]:
    dtype = variable.dtype
    if dtype.kind == "O" and isinstance(variable.values.flat[0], cftime.datetime):
        return cftime.datetime(1970, 1, 1, calendar=variable.values.flat[0].calendar), object
    if dtype.kind in "fc":
        return np.nan, dtype
    if dtype.kind in "mM":
        return np.array("NaT", dtype), dtype
    if dtype.kind in "OUT":
        return "", object
    return np.zeros((), dtype), dtype
