"""Which cell is nearest, against the angle to every cell."""

from typing import Any

import numpy as np
import pytest

from cloudify.datasets import centres
from cloudify.datasets.centres import Centres


def angles(lon: Any, lat: Any, x: float, y: float) -> Any:
    """Return the angles between places and one, by the cosine rule of the sphere on vectors."""

    def vector(lon: Any, lat: Any) -> Any:
        a, b = np.radians(lon), np.radians(lat)
        return np.stack([np.cos(b) * np.cos(a), np.cos(b) * np.sin(a), np.sin(b)], axis=-1)

    to, at = vector(lon, lat), vector(x, y)
    return np.arctan2(np.linalg.norm(np.cross(to, at), axis=-1), to @ at)


@pytest.mark.parametrize("most", [0, 2**22])
def test_points_anywhere_are_found_with_a_tree_and_without(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(centres, "TREE", most)
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(-400, 400, 3000), np.degrees(np.arcsin(rng.uniform(-1, 1, 3000)))
    lon[:50], lat[40:100] = np.nan, np.nan
    grid = Centres("points", ("cell",), lon, lat)
    for x, y in zip(rng.uniform(-720, 720, 100), rng.uniform(-90, 90, 100), strict=True):
        assert grid.nearest(x, y) == np.nanargmin(angles(lon, lat, x, y))


@pytest.mark.parametrize("first", [-180.0, 0.0, 20.0])
@pytest.mark.parametrize("order", [1, -1])
def test_columns_and_rows_are_found_in_any_order_on_any_turn(first: float, order: int) -> None:
    lon, lat = (first + 7.2 * np.arange(50))[::order], np.arange(-88.0, 90, 8)[::order]
    grid = Centres("axes", ("lat", "lon"), lon, lat)
    x, y = (axis.ravel() for axis in np.meshgrid(lon, lat))
    rng = np.random.default_rng(2)
    for to_lon, to_lat in [
        *zip(rng.uniform(-720, 720, 60), rng.uniform(-90, 90, 60), strict=True),
        (179.9, 3),
        (-180, 3),
    ]:
        found = grid.nearest(to_lon, to_lat)
        assert found is not None
        away = angles(x, y, to_lon, to_lat)
        assert away[found] == pytest.approx(away.min(), abs=1e-12)
        assert [float(axis[0]) for axis in grid.at(np.array([found]))] == [x[found], y[found]]


def test_a_grid_without_a_place_has_no_nearest_cell() -> None:
    nowhere = np.array([np.nan, np.nan])
    assert Centres("points", ("cell",), nowhere, nowhere).nearest(0, 0) is None
    assert Centres("axes", ("y", "x"), nowhere, np.array([1.0])).nearest(0, 0) is None
    assert Centres("axes", ("y", "x"), np.array([1.0]), nowhere).nearest(0, 0) is None
