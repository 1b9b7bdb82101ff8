"""The variable that somebody looks at: its grid, its axes, and the part of it that a selection leaves."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

import xarray as xr

from cloudify.datasets.grid import Grid, conventional, grid_of, is_bounds, time_axes
from cloudify.datasets.opened import Opened
from cloudify.datasets.pick import Axis, Choice, choose, default
from cloudify.errors import BadSelectionError, UnknownVariableError
from cloudify.model.selection import Pick

LON_NAMES = frozenset({"lon", "longitude", "x"})
LAT_NAMES = frozenset({"lat", "latitude", "y"})
"""What a selection may call longitudes and latitudes, whatever the dataset calls them."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A variable and what the conventions say of it."""

    ds: xr.Dataset
    name: str
    grid: Grid
    axes: tuple[Axis, ...]
    """In the order of the variable's dimensions."""
    group: str = "/"
    """The path of the group that it lies in."""

    @classmethod
    def of(cls, tree: xr.DataTree, name: str) -> "Subject":
        """Find a variable in a decoded dataset: in its root, else in a group.

        Raises
        ------
        UnknownVariableError
            If it is nowhere.
        """
        nodes = [node for node in tree.subtree if name in node.dataset.variables]
        if not nodes:
            known = (str(item) for node in tree.subtree for item in node.dataset.data_vars)
            raise UnknownVariableError(name, known)
        ds = conventional(nodes[0].to_dataset())
        variable = ds[name]
        grid = grid_of(ds, name) if variable.dims and not is_bounds(ds, name) else Grid("none")
        times = time_axes(ds)
        return cls(ds, name, grid, tuple(_axis(ds, str(dim), times) for dim in variable.dims), nodes[0].path)

    @property
    def variable(self) -> xr.DataArray:
        """All of it, lazily."""
        return self.ds[self.name]

    @property
    def holds_numbers(self) -> bool:
        """Whether its values can be computed with: not text, nor times in any calendar."""
        return self.variable.dtype.kind in "biuf" and "calendar" not in self.variable.encoding

    @property
    def horizontal(self) -> tuple[str, ...]:
        """The dimensions of its grid, in the order of cells."""
        if self.grid.kind == "none":
            return ()
        lat, lon = self.ds[self.grid.lat].dims, self.ds[self.grid.lon].dims
        return tuple(map(str, (*lat, *lon) if self.grid.kind in {"rectilinear", "projected"} else lon))

    @property
    def place(self) -> str:
        """The name of its grid in the dataset: coordinates of the same names lie elsewhere in another group."""
        return f"{self.group} {self.grid} {self.horizontal}"

    def split(self, picks: Iterable[Pick]) -> tuple[dict[str, Pick], tuple[Pick | None, Pick | None]]:
        """Return what is picked of each dimension, and of longitudes and of latitudes.

        Raises
        ------
        BadSelectionError
            If something is picked that the variable does not have.
        """
        along: dict[str, Pick] = {}
        region: dict[str, Pick] = {}
        others = {name for axis in self.axes if axis.dim not in self.horizontal for name in (axis.dim, axis.coordinate)}
        has_grid = self.grid.kind != "none"
        for pick in picks:
            if pick.coord in others or not has_grid:
                along[self._axis_named(pick.coord).dim] = pick
            elif pick.coord == self.grid.lon or pick.coord.lower() in LON_NAMES:
                region["lon"] = pick
            elif pick.coord == self.grid.lat or pick.coord.lower() in LAT_NAMES:
                region["lat"] = pick
            else:
                along[self._axis_named(pick.coord).dim] = pick
        return along, (region.get("lon"), region.get("lat"))

    def narrow(self, along: dict[str, Pick], whole: Iterable[str]) -> tuple[xr.DataArray, list[Choice]]:
        """Return the part that is picked, lazily; a range keeps its dimension. Blocks: coordinates are read.

        Parameters
        ----------
        whole
            Dimensions that are taken whole where nothing is picked of them; of others a default.
        """
        kept = set(whole)
        choices = [
            choose(self.ds, axis, along[axis.dim]) if axis.dim in along else default(self.ds, axis)
            for axis in self.axes
            if axis.dim in along or axis.dim not in kept
        ]
        return self.variable.isel({choice.dim: choice.index for choice in choices}), choices

    def _axis_named(self, coord: str) -> Axis:
        for axis in self.axes:
            if coord in {axis.dim, axis.coordinate}:
                return axis
        times = [axis for axis in self.axes if axis.is_time]
        if coord == "time" and len(times) == 1:
            return times[0]
        known = ", ".join(axis.coordinate or axis.dim for axis in self.axes) or "no dimension"
        raise BadSelectionError(f"{self.name!r} has no coordinate {coord[:60]!r} to select along; it has {known}")


def nbytes_of(part: xr.DataArray) -> int:
    """Return how many bytes reading a part takes, before anything is read."""
    return prod(part.shape) * part.dtype.itemsize


def range_of(pick: Pick) -> tuple[float, float]:
    """Return the two numbers of a range.

    Raises
    ------
    BadSelectionError
        If it is a single value, or is not of numbers.
    """
    low, high = pick.low.number, pick.high.number if pick.high is not None else None
    if low is None or high is None:
        raise BadSelectionError(f"{pick.coord[:60]}/{pick.text}: a map has a range of longitudes and latitudes, lo_hi")
    return low, high


def _axis(ds: xr.Dataset, dim: str, times: dict[str, str]) -> Axis:
    along = [str(name) for name, variable in ds.coords.items() if variable.dims == (dim,)]
    timed = sorted((name for name in along if name in times), key=lambda name: (not times[name], name != dim))
    coordinate = timed[0] if timed else dim if dim in ds.variables else next(iter(along), "")
    size = ds.sizes[dim]
    if not coordinate:
        return Axis(dim, size)
    units = str(ds[coordinate].attrs.get("units", "")) if not timed else ""
    return Axis(dim, size, coordinate, is_time=bool(timed), calendar=times.get(coordinate, ""), units=units)


def subject_of(opened: Opened, name: str) -> Subject:
    """Return a variable of an open dataset; it is found once.

    Raises
    ------
    UnknownVariableError
        If there is none of its name.
    """
    names = opened.derived("names", lambda one: {str(v) for node in one.tree.subtree for v in node.dataset.variables})
    if name not in names:
        return Subject.of(opened.tree, name)  # raises; nothing is kept for a name that is none
    return opened.derived(f"subject {name}", lambda one: Subject.of(one.tree, name))
