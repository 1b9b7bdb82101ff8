"""Means over boxes and polygons, on the five awkward kinds of data."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.path import Path as Outline

from cloudify import Server
from cloudify.testing import running
from series.truth import CLIENT, EARTH_KM, LAT, LON, Truth, weighted_mean

KINDS = ("bounds", "icon", "nemo", "from-20-to-380", "360-day")
WEIGHTS = {"bounds": "edges", "icon": "corners", "nemo": "corners", "from-20-to-380": "edges", "360-day": "edges"}
BOXES = [(-140.0, 22.0, -70.3, 51.0), (170.1, -30.2, -95.4, 40.3), (-180.0, -90.0, 180.0, 90.0), (-180, 60, 180, 90)]
RINGS = [
    [(-130.1, 10.2), (-60.3, 17.1), (-90.7, 61.2), (-120.9, 30.3)],
    [(170.1, -20.3), (265.1, 15.6), (200.7, 70.9)],  # across the date line
]
HOLE = [(-110.1, 30.3), (-85.3, 30.7), (-95.7, 45.1)]
"""No centre lies on an edge: whether that is inside, everybody decides for themselves."""


def get(url: str, path: str, **query: Any) -> Any:
    answer = CLIENT.get(f"{url}/datasets/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def check(said: Any, known: Truth, inside: Any) -> None:
    """Compare with a loop over what the file holds."""
    values = np.array([np.nan if value is None else value for value in said["values"]], float)
    np.testing.assert_allclose(values, weighted_mean(known, inside), rtol=2e-6)  # corners of NEMO are float32
    used = inside & np.isfinite(known.values).any(axis=0)
    assert (said["cells"], said["cells_with_values"]) == (inside.sum(), used.sum())
    assert said["area_km2"] == pytest.approx(known.areas[used].sum() * EARTH_KM**2, rel=1e-5)


def in_ring(known: Truth, ring: list[tuple[float, float]]) -> Any:
    """Return which centres lie in a ring, by matplotlib, on any turn."""
    outline = Outline([*ring, ring[0]])
    turns = [np.column_stack([known.lon + turn, known.lat]) for turn in (-720, -360, 0, 360)]
    return np.any([outline.contains_points(points) for points in turns], axis=0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_box_is_the_mean_of_brute_force(
    url: str, files: dict[str, tuple[Path, str]], truths: dict[str, Truth], kind: str
) -> None:
    known = truths[kind]
    for west, south, east, north in BOXES:
        inside = ((known.lon - west) % 360 <= (east - west) % 361) & (known.lat >= south) & (known.lat <= north)
        if west > east:
            inside = ((known.lon - west) % 360 <= east + 360 - west) & (known.lat >= south) & (known.lat <= north)
        if not inside.any():
            continue
        said = get(url, f"{kind}/series/{files[kind][1]}", bbox=f"{west},{south},{east},{north}")
        check(said, known, inside)
        assert said["weights"] == WEIGHTS[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_a_polygon_is_the_mean_of_brute_force(
    url: str, files: dict[str, tuple[Path, str]], truths: dict[str, Truth], kind: str
) -> None:
    known = truths[kind]
    for ring in RINGS:
        said = get(url, f"{kind}/series/{files[kind][1]}", polygon=",".join(f"{x} {y}" for x, y in ring))
        check(said, known, in_ring(known, ring))


@pytest.mark.parametrize("kind", KINDS)
def test_a_hole_is_left_out(url: str, files: dict[str, tuple[Path, str]], truths: dict[str, Truth], kind: str) -> None:
    known = truths[kind]
    rings = [[*RINGS[0], RINGS[0][0]], [*HOLE, HOLE[0]]]
    written = ", ".join("(" + ", ".join(f"{x + 360} {y}" for x, y in ring) + ")" for ring in rings)
    said = get(url, f"{kind}/series/{files[kind][1]}", polygon=f"POLYGON ({written})")
    check(said, known, in_ring(known, RINGS[0]) & ~in_ring(known, HOLE))


def made(**more: Any) -> xr.Dataset:
    """Return four rows, two of them on the poles; each value is its latitude."""
    lat, lon = np.array([-90.0, -30, 30, 90]), np.arange(0.0, 360, 90)
    values = np.repeat(lat[:, None], 4, axis=1)[None]
    coords = {"time": np.zeros(1, "M8[ns]"), "lat": ("lat", lat, LAT), "lon": ("lon", lon, LON)}
    return xr.Dataset({"v": (("time", "lat", "lon"), values, more)}, coords)


@pytest.mark.parametrize(
    ("region", "cells", "mean"),
    [
        ({"bbox": "-180,20,180,90"}, 8, None),
        ({"polygon": "0 20,180 20,360 20,360 90,180 90,0 90"}, 8, None),
        ({"polygon": "0 -90,180 -90,360 -90,360 -80,180 -80,0 -80"}, 4, -90.0),
        ({"bbox": "-90,30,0,30"}, 2, 30.0),
        ({"bbox": "89,25,91,35"}, 1, 30.0),
    ],
)
def test_poles_and_edges_belong_to_a_region(region: dict[str, str], cells: int, mean: float | None) -> None:
    """Rows reach from 60 to 90, and from 0 to 60: 1 - sin 60 and sin 60 of the hemisphere."""
    sine = np.sin(np.radians(60))
    with running(Server({"a": made()}).app) as url:
        said = get(url, "a/series/v", **region)
    assert said["cells"] == cells
    expected = 90 * (1 - sine) + 30 * sine if mean is None else mean
    assert said["values"] == [pytest.approx(expected)]


def test_what_the_source_says_of_its_areas_weighs() -> None:
    ds = made(cell_measures="area: areacella")
    ds["areacella"] = (("lat", "lon"), np.repeat([[0.0], [1.0], [3.0], [0.0]], 4, axis=1), {"units": "km2"})
    with running(Server({"a": ds}).app) as url:
        said = get(url, "a/series/v", bbox="-180,-90,180,90")
    assert (said["weights"], said["area_km2"]) == ("cell_measures", pytest.approx(16))
    assert said["values"] == [pytest.approx((-30 + 3 * 30) / 4)]


def test_without_cells_points_count_the_same_and_their_area_is_not_known() -> None:
    coords = {"lon": ("station", [1.0, 2, 3, 100], LON), "lat": ("station", [50.0, 51, 60, 0], LAT)}
    ds = xr.Dataset({"v": (("time", "station"), [[1.0, 2, 6, 9], [np.nan, 4, np.inf, 9]])}, coords)
    with running(Server({"a": ds.assign_coords(time=np.arange(2).astype("M8[ns]"))}).app) as url:
        said = get(url, "a/series/v", bbox="0,40,10,70")
    assert (said["values"], said["weights"], said["area_km2"], said["cells"]) == ([3.0, 4.0], "equal", None, 3)


def test_the_order_of_dimensions_does_not_matter() -> None:
    ds = made()
    with running(Server({"a": ds, "b": ds.transpose("lon", "time", "lat")}).app) as url:
        for query in ({"bbox": "80,20,190,90"}, {"polygon": "80 -40,190 -40,100 89"}, {"lon": "100", "lat": "25"}):
            assert get(url, "a/series/v", **query) == get(url, "b/series/v", **query)
        assert get(url, "b/series/v", lon="100", lat="25")["values"] == [30.0]
