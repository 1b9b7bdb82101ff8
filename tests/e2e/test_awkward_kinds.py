"""Every route that computes or draws, on the five kinds of data that such routes mostly fail on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cftime
import httpx
import netCDF4
import numpy as np
import pytest
import xarray as xr
from series.truth import Truth, awkward, truth

from cloudify import Server
from cloudify.catalog.catalog import Catalog
from cloudify.model.entry import Entry
from cloudify.settings import Settings
from cloudify.testing import running

MAP = "wms?service=WMS&request=GetMap&version=1.3.0&styles=&width=60&height=30&format=image/png"
ROUTES = {
    "image": "plot/{var}/image/viridis/?width=200",
    "contours": "plot/{var}/contourf/viridis/?width=200",
    "histogram": "plot/{var}/hist/viridis/?width=200",
    "mean by place": "groupby/{var}/{place}/mean?f=csv",
    "mean by month": "groupby/{var}/time.month/mean",
    "anomaly by season": "groupby/{var}/time.season/anomaly?f=nc",
    "mean over the area": "groupby/{var}/time.year/mean?weights=area",
    "means as a dataset": "groupby/{var}/time.month/mean/zarr/zarr.json",
    "series": "series/{var}?lon=-90&lat=40",
    "series as coverage": "series/{var}?lon=-90&lat=40&f=covjson",
    "series of a box": "series/{var}?bbox=-100,30,-80,50",
    "file": "subset.nc?var={var}&bbox=-100,30,-80,50",
    "table": "subset.csv?var={var}&bbox=-92,38,-88,42&time=latest",
    "text": "subset.json?var={var}&bbox=-92,38,-88,42&time=latest",
    "map in degrees": MAP + "&layers={var}&crs=EPSG:4326&bbox=-90,-180,90,180",
    "map in metres": MAP + "&layers={var}&crs=EPSG:3857&bbox=-2e7,-2e7,2e7,2e7",
    "tile": "tiles/{var}/0/0/0.png",
    "tilejson": "tiles/{var}/tilejson.json",
}
BY_TIME = {"mean by month", "anomaly by season", "mean over the area", "means as a dataset"}
EXPECTED: dict[str, dict[str, tuple[int, str]]] = {
    "bounds": {},
    "icon": dict.fromkeys(BY_TIME, (422, "unknown-grouping")),  # its unit 'day as %Y%m%d.%f' is no CF unit of time
    "nemo": {"mean by place": (422, "unknown-grouping")},  # its places lie along two dimensions
    "from-20-to-380": {},
    "360-day": {},
}
"""Kind -> route -> status and code; where nothing stands, 200."""
PLACES = {"bounds": "lat", "icon": "clat", "nemo": "nav_lat", "from-20-to-380": "y", "360-day": "latitude"}
Served = tuple[str, dict[str, tuple[Path, str]]]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    files = awkward(tmp_path_factory.mktemp("kinds"))
    entries = tuple(Entry(kind, "netcdf", str(path)) for kind, (path, _) in files.items())
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"))
    with running(Server(Catalog(entries), settings=settings).app) as url:
        yield url, files


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("kind", EXPECTED)
def test_every_route_answers_unless_the_data_lack_the_axis(served: Served, kind: str, route: str) -> None:
    url, files = served
    path = ROUTES[route].format(var=files[kind][1], place=PLACES[kind])
    answer = httpx.get(f"{url}/datasets/{kind}/{path}", timeout=60)
    status, code = EXPECTED[kind].get(route, (200, ""))
    assert answer.status_code == status, answer.text
    if code:
        assert answer.json()["type"].rpartition("/")[2] == code


def months(path: Path) -> Any:
    """Return the month of each time by cftime, whatever the file calls it."""
    with netCDF4.Dataset(path) as file:
        named = [file[name] for name in ("time", "time_counter", "time_centered") if name in file.variables]
        time = next(one for one in named if "units" in one.ncattrs())
        return np.array([t.month for t in cftime.num2date(time[:], time.units, getattr(time, "calendar", "standard"))])


@pytest.mark.parametrize("kind", [kind for kind in EXPECTED if kind != "icon"])
def test_means_of_months_are_those_of_numpy(served: Served, kind: str) -> None:
    url, files = served
    path, variable = files[kind]
    held, codes = truth(path, variable), months(path)
    found = xr.Dataset.from_dict(httpx.get(f"{url}/datasets/{kind}/groupby/{variable}/time.month/mean").json())
    assert found["month"].values.tolist() == sorted(set(codes.tolist()))
    for month in found["month"].values:
        rows = held.values[codes == month]
        count = (~np.isnan(rows)).sum(axis=0)
        expected = np.where(count, np.nansum(rows, axis=0) / np.maximum(count, 1), np.nan)
        np.testing.assert_allclose(
            found[variable].sel(month=month).to_numpy().astype(float).ravel(), expected, rtol=1e-12
        )


@pytest.mark.parametrize("kind", [kind for kind in EXPECTED if kind != "icon"])
def test_means_over_the_area_are_those_of_numpy(served: Served, kind: str) -> None:
    url, files = served
    path, variable = files[kind]
    held, codes = truth(path, variable), months(path)
    answer = httpx.get(f"{url}/datasets/{kind}/groupby/{variable}/time.month/mean?weights=area")
    found = xr.Dataset.from_dict(answer.json())
    for month in found["month"].values:
        assert float(found[variable].sel(month=month)) == pytest.approx(over_area(held, codes == month), rel=1e-5)


def test_groups_of_an_unstructured_grid_are_those_of_numpy(served: Served) -> None:
    """Which has no time that anybody can tell a month of: by depth, over its triangles."""
    url, files = served
    held = truth(*files["icon"])
    found = xr.Dataset.from_dict(httpx.get(f"{url}/datasets/icon/groupby/S/depth/mean?weights=area").json())
    assert found["S"].dims == ("time", "depth")
    assert float(found["S"][0, 0]) == pytest.approx(over_area(held, np.array([True])), rel=1e-6)


def over_area(held: Truth, rows: Any) -> float:
    values = held.values[rows]
    areas = np.broadcast_to(held.areas, values.shape)
    present = ~np.isnan(values)
    return float((values[present] * areas[present]).sum() / areas[present].sum())
