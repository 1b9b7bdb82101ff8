"""The cells of a grid at a place, or within a range of longitudes and latitudes."""

from typing import Any

import numpy as np
import xarray as xr

from cloudify.datasets.cells import Cells, cells_of
from cloudify.datasets.subject import Subject
from cloudify.errors import BadSelectionError
from cloudify.model.selection import Pick

Array = np.ndarray[Any, np.dtype[Any]]


def cut_horizontal(
    subject: Subject, part: xr.DataArray, lon: Pick | None, lat: Pick | None
) -> tuple[xr.DataArray, list[str]]:
    """Return the part of a variable that lies at or within what was picked, and that in words. Blocks.

    Values of longitude are on any turn. A single value along an axis is the nearest column or row; on other grids a
    single longitude and latitude are the nearest cell by great circle.

    Raises
    ------
    BadSelectionError
        If nothing lies there, or a single value is picked of one coordinate of a grid without axes.
    """
    if lon is None and lat is None:
        return part, []
    cells = cells_of(subject.ds, subject.name, subject.grid)
    if cells.kind == "axes":
        return _along_axes(part, cells, lon, lat)
    if lon is not None and lat is not None and lon.high is None and lat.high is None:
        return _at_place(part, cells, _number(lon.low.number, lon), _number(lat.low.number, lat))
    return _in_box(part, cells, lon, lat)


def _along_axes(part: xr.DataArray, cells: Cells, lon: Pick | None, lat: Pick | None) -> tuple[xr.DataArray, list[str]]:
    lat_dim, lon_dim = cells.dims
    said = []
    for pick, dim, edges, period in ((lon, lon_dim, cells.lon, 360.0), (lat, lat_dim, cells.lat, 0.0)):
        if pick is None:
            continue
        middles = (edges[1:] + edges[:-1]) / 2
        if pick.high is None:
            place = _column(edges, _number(pick.low.number, pick), period, pick)
            part = part.isel({dim: place})
            said.append(f"{pick.coord} {float(f'{_turned(middles[place], period):.6g}'):g}\N{DEGREE SIGN}")
        else:
            part = part.isel({dim: _found(_within(middles, pick, period), pick)})
            said.append(f"{pick.coord} {pick.low.text} to {pick.high.text}\N{DEGREE SIGN}")
    return part, said


def _column(edges: Array, value: float, period: float, pick: Pick) -> int:
    low, high = np.minimum(edges[1:], edges[:-1]), np.maximum(edges[1:], edges[:-1])
    turned = (value - low.min()) % period + low.min() if period else value
    found = np.flatnonzero((low <= turned) & (turned <= high))
    if not found.size:
        raise BadSelectionError(
            f"{pick.coord[:60]}/{pick.text} lies outside the grid, which reaches from {low.min():g} to {high.max():g}"
        )
    return int(found[0])


def _at_place(part: xr.DataArray, cells: Cells, lon: float, lat: float) -> tuple[xr.DataArray, list[str]]:
    x, y = np.radians(cells.lon), np.radians(cells.lat)
    nearness = np.cos(y) * np.cos(np.radians(lat)) * np.cos(x - np.radians(lon)) + np.sin(y) * np.sin(np.radians(lat))
    cell = int(np.nanargmax(nearness))
    places = np.unravel_index(cell, [part.sizes[dim] for dim in cells.dims])
    said = f"at {cells.lon[cell]:.4g}, {cells.lat[cell]:.4g}\N{DEGREE SIGN}"
    return part.isel(dict(zip(cells.dims, map(int, places), strict=True))), [said]


def _in_box(part: xr.DataArray, cells: Cells, lon: Pick | None, lat: Pick | None) -> tuple[xr.DataArray, list[str]]:
    inside = np.ones(cells.count, bool)
    said = []
    for pick, values, period in ((lon, cells.lon, 360.0), (lat, cells.lat, 0.0)):
        if pick is None:
            continue
        if pick.high is None:
            raise BadSelectionError(
                f"{pick.coord[:60]}/{pick.text}: this grid has no axes, so a place is a longitude and a latitude"
            )
        inside &= _within(values, pick, period)
        said.append(f"{pick.coord} {pick.low.text} to {pick.high.text}\N{DEGREE SIGN}")
    found = _found(inside, lon or lat)
    flat = part.reset_coords(drop=True).stack(cell=cells.dims, create_index=False)
    return flat.isel(cell=found), said


def _within(values: Array, pick: Pick, period: float) -> Array:
    low, high = _number(pick.low.number, pick), _number(pick.high.number if pick.high else None, pick)
    if period and high <= low:
        high += period
    return np.asarray(((values - low) % period < high - low) if period else (values >= low) & (values < high))


def _found(inside: Array, pick: Pick | None) -> Array:
    found = np.flatnonzero(inside)
    if not found.size:
        raise BadSelectionError(f"{pick.coord[:60]}/{pick.text}: no cell lies there" if pick else "no cell lies there")
    return found


def _number(value: float | None, pick: Pick) -> float:
    if value is None:
        raise BadSelectionError(f"{pick.coord[:60]}/{pick.text}: longitudes and latitudes are numbers, in degrees")
    return value


def _turned(value: float, period: float) -> float:
    return (value + 180.0) % 360.0 - 180.0 if period else value
