"""Every part of the workshop, run as its first page says; what it prints is what numpy finds in the files."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import netCDF4
import numpy as np
import psutil
import pytest
import zarr

PROJECT = Path(__file__).parents[2]
DEMO = PROJECT / "cloudify" / "demo"
PARTS = sorted((PROJECT / "workshop").glob("*.py"))
MARK = "TEST_OF_THE_WORKSHOP"
"""In the environment of a part, so of all that it starts."""
DASK_LOCKS = {"dask-scratch-space/global.lock", "dask-scratch-space/purge.lock"}
"""Empty files that Dask leaves for the next cluster."""


def tas() -> np.ndarray:
    with netCDF4.Dataset(DEMO / "mpi-esm-tas.nc") as nc:
        nc.set_auto_mask(False)
        return np.asarray(nc["tas"][:], "f8")


def latitudes() -> np.ndarray:
    with netCDF4.Dataset(DEMO / "mpi-esm-tas.nc") as nc:
        return np.asarray(nc["lat"][:])


def wind(name: str) -> np.ndarray:
    return np.asarray(zarr.open_array(DEMO / "mpi-esm-wind.zarr", path=name, mode="r")[:])


def serving() -> list[str]:
    return [
        "datasets  2: mpi-esm-tas, mpi-esm-wind",
        r"mpi-esm-wind is at http://127\.0\.0\.1:\d+/datasets/mpi-esm-wind/zarr",
        "works +grid +tas +rectilinear: lon, lat",
        re.escape("404 no dataset 'mpi-esm-taz'; did you mean 'mpi-esm-tas'?"),
        "cloudify: ended",
        "sum of the heights: 15.0 m",  # 0 + 1 + 2 + 3 + 4 + 5
    ]


def reading() -> list[str]:
    by_latitude = tas().mean(axis=(0, 2))
    area = np.cos(np.radians(latitudes()))
    with netCDF4.Dataset(DEMO / "icon-ocean.nc") as nc:
        salinity, is_wet = np.asarray(nc["S"][0], "f8"), np.asarray(nc["wet_c"][:]) == 1
    return [
        re.escape("months in each chunk: (3, 3, 3, 3)"),
        f"strongest mean wind of July: {np.hypot(wind('uas')[6], wind('vas')[6]).max():.2f} m/s",
        f"mean temperature of 2005: {(by_latitude * area).sum() / area.sum():.2f} K",
        "equal to those of /zarr: True",
        re.escape(f"months in each chunk of the file: {(1,) * 12}"),
        f"first value by netCDF4: {tas()[0, 0, 0]} K",
        *(f"mean salinity at {m} m: {salinity[k][is_wet[k]].mean():.2f} psu" for k, m in enumerate((10, 30, 50))),
        re.escape("vertices: {'ncells': 20480, 'nv': 3}"),
    ]


def cataloguing() -> list[str]:
    return [
        "datasets: wind salinity-10 salinity-30 salinity-50 lost ocean",
        "chunks of the wind: 12 instead of 4",
        "largest change of a value: one in 51[2-9]",  # half of the last of 8 bits is one in 512
        r"bytes of January: [1-5]\d{4} for 73728 of float32",
        r"tas-2005 was there after \d+\.\d s: wind .* tas-2005",
        "502 dataset 'lost' cannot be opened: its source is not there",
    ]


def finding() -> list[str]:
    return [
        re.escape("icon-ocean [-180.0, -89.369223, 180.0, 89.584002] 2098-11-18T00:00:00Z Ocean salinity, ICON"),
        re.escape("found: ['mpi-esm-wind']"),
        f"mean eastward wind by STAC: {wind('uas').mean(dtype='f8'):.4f} m/s",
        "sources: .*mpi-esm-tas-kerchunk.*",
        f"mean temperature by intake: {tas().mean():.4f} K",
    ]


def computing() -> list[str]:
    return [
        "workers: 2",
        re.escape(f"chunks: ({(1,) * 12}, (96,), (192,))"),
        f"warmest anomaly of July: {(tas()[6] - tas().mean(axis=0)).max():.2f} K",
        "computed by [12] processes, this one among them: False",
    ]


def extending() -> list[str]:
    return [
        "before: Dataset '2005' not found",
        re.escape(f"after: {{'from': {tas().min()}, 'to': {tas().max()}, 'units': 'K'}}"),
        "no such variable: no variable 'tos'; there are .*tas",
        re.escape("months: 12 | listed: ['2005']"),
    ]


PRINTED: dict[str, Callable[[], list[str]]] = {
    "01_serve": serving, "02_read": reading, "03_catalog": cataloguing, "04_find": finding, "05_dask": computing,
    "06_extend": extending,
}  # fmt: skip


def started(mark: str) -> list[psutil.Process]:
    """Return what was started with a mark in its environment and still runs."""
    return [p for p in psutil.process_iter(["environ"]) if (p.info["environ"] or {}).get(MARK) == mark]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.stem)
def test_a_part_of_the_workshop_prints_what_is_true_and_leaves_nothing(part: Path, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    given = {MARK: str(tmp_path), "TMPDIR": str(temporary), "XDG_DATA_HOME": str(tmp_path / "home")}
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("CLOUDIFY_", "ZARR_ADDRESS"))} | given
    command = [sys.executable, str(part.relative_to(PROJECT))]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    lines = iter(done.stdout.splitlines())
    for expected in PRINTED[part.stem]():  # in this order
        assert any(re.fullmatch(expected, line.strip()) for line in lines), (expected, done.stdout)
    deadline = monotonic() + 5
    while started(str(tmp_path)):  # what multiprocessing starts for itself ends after those who use it
        assert monotonic() < deadline, started(str(tmp_path))
        sleep(0.05)
    left = {str(path.relative_to(temporary)) for path in temporary.rglob("*") if path.is_file()}
    assert left <= DASK_LOCKS


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.stem)
def test_a_part_opens_as_a_notebook_and_is_short(part: Path) -> None:
    lines = part.read_text().splitlines()
    assert lines[0] == "# %% [markdown]"
    assert re.match(rf"# # {int(part.stem[:2])}\. ", lines[1])
    assert len(lines) <= 130
    cells = re.split(r"^# %%", part.read_text(), flags=re.MULTILINE)[1:]
    assert all(line.startswith("#") for c in cells if c.startswith(" [markdown]") for line in c.split("\n")[1:] if line)


def test_the_first_page_names_every_part() -> None:
    page = (PROJECT / "workshop" / "README.md").read_text()
    assert re.findall(r"\]\((\d\d_\w+)\.py\)", page) == [part.stem for part in PARTS] == list(PRINTED)
