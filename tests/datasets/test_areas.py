"""How large cells are, against other formulas than ours."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from cloudify.datasets.areas import areas_of
from cloudify.datasets.cells import cells_of
from cloudify.datasets.decode import decode
from cloudify.datasets.grid import conventional, grid_of
from cloudify.datasets.sphere import EARTH_KM

DEMO = Path(__file__).parents[2] / "cloudify" / "demo"
LON = {"units": "degrees_east", "standard_name": "longitude"}
LAT = {"units": "degrees_north", "standard_name": "latitude"}


def of(ds: xr.Dataset, name: str = "v") -> Any:
    ds = conventional(ds)
    grid = grid_of(ds, name)
    return areas_of(ds, name, grid, cells_of(ds, name, grid))


def on_axes(lon: Any, lat: Any) -> xr.Dataset:
    coords = {"lat": ("lat", lat, LAT), "lon": ("lon", lon, LON)}
    return xr.Dataset({"v": (("lat", "lon"), np.zeros((len(lat), len(lon))))}, coords)


def turned(lon: Any, lat: Any) -> tuple[Any, Any]:
    """Turn the sphere by 70 degrees about the x axis: no area changes."""
    x, y, turn = np.radians(lon), np.radians(lat), np.radians(70)
    east, up = np.cos(y) * np.sin(x), np.sin(y)
    north = np.sin(turn) * east + np.cos(turn) * up
    return np.degrees(np.arctan2(np.cos(turn) * east - np.sin(turn) * up, np.cos(y) * np.cos(x))), np.degrees(
        np.arcsin(north)
    )


def lhuilier(lon: Any, lat: Any) -> Any:
    """Return the areas of triangles by the theorem of l'Huilier, from the lengths of their sides by haversines."""
    x, y = np.radians(lon), np.radians(lat)
    u, v = np.roll(x, -1, axis=1) - x, np.roll(y, -1, axis=1) - y
    hav = np.sin(v / 2) ** 2 + np.cos(y) * np.cos(np.roll(y, -1, axis=1)) * np.sin(u / 2) ** 2
    sides = 2 * np.arcsin(np.sqrt(hav))
    half = sides.sum(axis=1) / 2
    product = np.tan(half / 2) * np.prod(np.tan((half[:, None] - sides) / 2), axis=1)
    return 4 * np.arctan(np.sqrt(product))


def test_between_edges_areas_are_exact() -> None:
    """A quarter of the globe from the equator to 30 north: 2 pi / 4 * 1/2."""
    found = of(on_axes([45.0, 135, 225, 315], [15.0, 45, 75]))
    assert (found.method, found.is_relative) == ("edges", False)
    assert found.values[:4] == pytest.approx(np.pi / 4)
    assert found.values.sum() == pytest.approx(2 * np.pi)  # the northern half


@pytest.mark.parametrize("name", ["mpi-esm-tas.nc", "icon-ocean.nc"])
def test_the_cells_of_a_whole_globe_cover_it(name: str) -> None:
    with xr.open_dataset(DEMO / name, decode_times=False) as ds:
        found = of(decode(ds.load()), "tas" if "tas" in ds else "S")
    assert found.method == ("edges" if "tas" in name else "corners")
    assert found.values.sum() == pytest.approx(4 * np.pi, rel=1e-9)


def test_triangles_are_as_large_as_l_huilier_says() -> None:
    with xr.open_dataset(DEMO / "icon-ocean.nc", decode_times=False) as ds:
        corners = np.degrees(ds.clon_vertices.to_numpy()), np.degrees(ds.clat_vertices.to_numpy())
        found = of(decode(ds.load()), "S")
    np.testing.assert_allclose(found.values, lhuilier(*corners), rtol=1e-6)


def test_a_corner_that_is_missing_is_left_out() -> None:
    """An octant as a triangle, padded to four corners: 4 pi / 8; a cell without corners has no area."""
    lon, lat = [[0.0, 90, 0, np.nan], [np.nan] * 4], [[0.0, 0, 90, np.nan], [np.nan] * 4]
    bounds = {"lon_b": (("cell", "n"), lon), "lat_b": (("cell", "n"), lat)}
    coords = {"lon": ("cell", [45.0, 200], LON | {"bounds": "lon_b"}), "lat": ("cell", [35.0, 0], LAT)}
    coords["lat"][2]["bounds"] = "lat_b"  # type: ignore[index]
    found = of(xr.Dataset({"v": ("cell", [1.0, 2.0]), **bounds}, coords))
    np.testing.assert_allclose(found.values, [np.pi / 2, 0.0])


def test_cells_without_corners_are_as_large_as_their_neighbours_are_far() -> None:
    """A regular grid on a turned sphere, whose exact areas are known before it is turned."""
    lon, lat = np.arange(-20.0, 21), np.arange(-15.0, 16)
    x, y = turned(*np.meshgrid(lon, lat))
    coords = {"lon": (("y", "x"), x, LON), "lat": (("y", "x"), y, LAT)}
    found = of(xr.Dataset({"v": (("y", "x"), np.zeros(x.shape))}, coords))
    exact = np.radians(1) * np.abs(np.diff(np.sin(np.radians(np.append(lat - 0.5, 15.5)))))
    assert found.method == "neighbours"
    np.testing.assert_allclose(found.values.reshape(x.shape)[1:-1, 1:-1], np.outer(exact[1:-1], np.ones(39)), rtol=2e-4)


def test_points_without_cells_count_the_same_and_those_without_a_place_nothing() -> None:
    coords = {"lon": ("cell", [1.0, np.nan, 3.0], LON), "lat": ("cell", [0.0, 1.0, 80.0], LAT)}
    found = of(xr.Dataset({"v": ("cell", [1.0, 2.0, 3.0])}, coords))
    assert (found.method, found.is_relative, found.values.tolist()) == ("equal", True, [1.0, 0.0, 1.0])


def test_axes_out_of_order_have_the_cosine_of_latitude() -> None:
    found = of(on_axes([0.0, 20, 10], [60.0, 0.0]))
    assert (found.method, found.is_relative) == ("coslat", True)
    np.testing.assert_allclose(found.values, [0.5] * 3 + [1.0] * 3)


@pytest.mark.parametrize(("units", "method"), [("m2", "cell_measures"), ("km2", "cell_measures"), ("acre", "edges")])
def test_what_the_source_says_of_its_areas_counts(units: str, method: str) -> None:
    ds = on_axes([45.0, 135, 225, 315], [15.0, 45, 75])
    areas = np.arange(12.0).reshape(3, 4) * (1e6 if units == "m2" else 1.0)
    areas[2, 3] = np.nan
    ds["areacella"] = (("lat", "lon"), areas, {"units": units, "standard_name": "cell_area"})
    ds["v"].attrs["cell_measures"] = "area: areacella volume: nothing"
    found = of(ds.transpose("lon", "lat"))
    assert found.method == method
    if method == "cell_measures":
        np.testing.assert_allclose(found.values * EARTH_KM**2, [*range(11), 0])
