"""One server for all tests of series."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudify import Server
from cloudify.catalog.catalog import Catalog
from cloudify.model.entry import Entry
from cloudify.testing import running
from series.truth import CLIENT, IRIS, Truth, awkward, truth

OTHERS = {
    "soi": "SOI_Darwin.nc", "orca2": "orca2_votemper.nc", "atlantic": "atlantic_profiles.nc", "vlstr": "vlstr_type.nc",
    "rotated": "rotated_pole.nc", "hybrid": "hybrid_height.nc", "weather": "space_weather.nc",
    "cube": "mesh_C4_synthetic_float.nc", "stereo": "toa_brightness_stereographic.nc", "ostia": "ostia_monthly.nc",
}  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def _client() -> Iterator[None]:
    with CLIENT:
        yield


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str]]:
    return awkward(tmp_path_factory.mktemp("awkward"))


@pytest.fixture(scope="session")
def truths(files: dict[str, tuple[Path, str]]) -> dict[str, Truth]:
    return {kind: truth(*found) for kind, found in files.items()}


@pytest.fixture(scope="session")
def url(files: dict[str, tuple[Path, str]]) -> Iterator[str]:
    paths = {kind: path for kind, (path, _) in files.items()} | {name: IRIS / file for name, file in OTHERS.items()}
    entries = tuple(Entry(name, "netcdf", str(path)) for name, path in paths.items())
    with running(Server(Catalog(entries)).app) as url:
        yield url
