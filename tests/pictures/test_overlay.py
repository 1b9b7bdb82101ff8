"""Where the cells of a grid are on a canvas, by brute force; what is read and kept for the tiles of a map."""

from typing import Any

import numpy as np
import pytest
import xarray as xr

from cloudify.datasets.cells import Cells
from cloudify.datasets.opened import Opened
from cloudify.model.entry import Entry
from cloudify.model.stop import Stop, StoppedError, stoppable
from cloudify.pictures import overlay
from cloudify.pictures.canvas import Canvas
from cloudify.pictures.kept import Kept
from cloudify.pictures.overlay import Overlay, Shown, draw_overlay
from cloudify.pictures.resample import NONE, REACH, index_table, near_of, unit_vectors

LON = {"units": "degrees_east", "standard_name": "longitude"}
LAT = {"units": "degrees_north", "standard_name": "latitude"}


def points(count: int, seed: int) -> Cells:
    """Return scattered points in a part of the world."""
    random = np.random.default_rng(seed)
    return Cells("points", ("cell",), random.uniform(160, 200, count), random.uniform(-30, 20, count))


@pytest.mark.parametrize("canvas", [
    Canvas("degrees", -180, -90, 180, 90, 90, 45),
    Canvas("degrees", 150, -120, 570, 120, 60, 60),
    Canvas("mercator", -2.1e7, -2.1e7, 2.1e7, 2.1e7, 60, 60),
])  # fmt: skip
def test_a_pixel_shows_the_nearest_point_that_is_no_farther_than_its_neighbours(canvas: Canvas) -> None:
    """Every pixel against every point: those far from all are not looked for, which must change nothing."""
    cells = points(150, 3)
    centres = unit_vectors(cells.lon, cells.lat)
    between = np.sort(np.linalg.norm(centres[:, None] - centres[None], axis=2), axis=1)[:, 4]
    expected = np.full((canvas.height, canvas.width), NONE)
    for row, lat in enumerate(canvas.lats):
        for column, lon in enumerate(canvas.lons):
            away = np.linalg.norm(centres - unit_vectors(np.array(lon), np.array(lat)), axis=1)
            nearest = int(away.argmin())
            if abs(lat) <= 90 and away[nearest] <= REACH * between[nearest]:
                expected[row, column] = nearest
    assert (expected != NONE).any()
    np.testing.assert_array_equal(index_table(cells, canvas), expected)


def test_the_reach_of_cells_is_that_of_their_farthest_corner_whatever_is_missing() -> None:
    """Squares of 2 degrees about the equator: to a corner it is 2 sin(a/2) of about 1.414 degrees."""
    lon, lat = np.arange(0.0, 20, 2), np.zeros(10)
    corners = np.stack([lon - 1, lon + 1, lon + 1, lon - 1], 1), np.stack([lat - 1, lat - 1, lat + 1, lat + 1], 1)
    corners[0][4, 2] = np.nan
    near = near_of(Cells("points", ("cell",), lon, lat, corners))
    assert near is not None
    spacing = 2 * np.sin(np.radians(4) / 2)  # of the one without all corners: its fourth neighbour is 4 degrees away
    assert near.reach == pytest.approx(REACH * spacing, rel=1e-6)


def test_a_table_of_points_stops_when_nobody_waits() -> None:
    stop = Stop()
    stop.ask()
    with stoppable(stop), pytest.raises(StoppedError):
        index_table(points(50, 1), Canvas("degrees", -180, -90, 180, 90, 10, 10))


class Counted(xr.backends.BackendArray):
    """Ones; it counts how often it is read."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape, self.dtype, self.reads = shape, np.dtype("f4"), 0

    def __getitem__(self, key: Any) -> Any:
        self.reads += 1
        return np.ones(self.shape, self.dtype)[key.tuple]


@pytest.fixture
def counted() -> tuple[Opened, Counted]:
    values = Counted((18, 36))
    lazy = xr.core.indexing.LazilyIndexedArray(values)
    ds = xr.Dataset(
        {"v": (("lat", "lon"), lazy)},
        {"lat": ("lat", np.arange(-85.0, 90, 10), LAT), "lon": ("lon", np.arange(5.0, 360, 10), LON)},
    )
    return Opened(Entry("a", "object", ""), "1", {"/": ds}, stored=False), values


def test_the_tiles_of_a_map_read_their_field_once(counted: tuple[Opened, Counted]) -> None:
    opened, values = counted
    kept = Kept(2**24)
    for column in range(4):
        canvas = Canvas("degrees", -180 + 90 * column, 0, -90 + 90 * column, 90, 16, 16)
        assert draw_overlay(opened, Overlay(Shown("v", "gray", low=0, high=2), canvas), kept, 2**20)
    assert values.reads == 1


def test_a_map_of_nothing_reads_nothing(counted: tuple[Opened, Counted]) -> None:
    opened, values = counted
    beyond = Canvas("degrees", 0, 100, 10, 110, 4, 4)
    assert draw_overlay(opened, Overlay(Shown("v", "gray"), beyond), Kept(2**24), 2**20).startswith(b"\x89PNG")
    assert values.reads == 0


def test_coasts_are_drawn_on_maps_of_the_world_and_not_on_near_ones(
    counted: tuple[Opened, Counted], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A coast that runs far beyond a small canvas would be walked along pixel by pixel."""
    opened, _ = counted
    asked: list[Canvas] = []
    monkeypatch.setattr(overlay, "coasts", lambda canvas: asked.append(canvas) or [])
    world, near = Canvas("degrees", -180, -90, 180, 90, 64, 32), Canvas("degrees", 5, 50, 5.01, 50.01, 64, 64)
    for canvas in (world, near):
        draw_overlay(opened, Overlay(Shown("v", "gray"), canvas, has_coasts=True), Kept(2**24), 2**20)
    assert asked == [world]
