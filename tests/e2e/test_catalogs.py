"""The example catalogs: each is checked without a complaint, and read by HTTP as netCDF4 reads the files."""

import re
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import yaml
import zarr
from typer.testing import CliRunner

from cloudify import Server
from cloudify.catalog import preparation
from cloudify.catalog.own import _Reader
from cloudify.catalog.targets import read_targets
from cloudify.cli.main import app
from cloudify.testing import running

PROJECT = Path(__file__).parents[2]
CATALOGS = PROJECT / "catalogs"
DEMO = PROJECT / "cloudify" / "demo"
TAS, ICON, MONTHS = "mpi-esm-tas.nc", "icon-ocean.nc", slice(3)
"""The examples hold latitudes 60 to 67 and longitudes 0 to 7 of the demo's file."""

FILES: dict[str, dict[str, tuple[str, Any]]] = {
    "own.yaml": {
        "tas": (TAS, MONTHS), "tas-rounded": (TAS, MONTHS), "tas-mean": (TAS, "mean"),
        "salinity-10": (ICON, 0), "salinity-30": (ICON, 1), "salinity-50": (ICON, 2),
    },
    "intake-v1.yaml": {"tas": (TAS, MONTHS), "tas-chunked": (TAS, MONTHS)},
    "intake-v2.yaml": {"tas": (TAS, MONTHS)},
    "stac-collection.json": {
        "tas": (TAS, MONTHS), "tas-2005-january": (TAS, [0]), "tas-2005-february": (TAS, [1]),
    },
    "data": {
        "tas": (TAS, MONTHS), "tas-chunked": (TAS, MONTHS), "tas-json": (TAS, MONTHS),
        "tas-parquet": (TAS, MONTHS), "months-tas-2005-01": (TAS, [0]), "months-tas-2005-02": (TAS, [1]),
        "mean": (TAS, "mean"), "salinity": (ICON, slice(None)),
    },
}  # fmt: skip
"""Target -> id -> the demo's file and what of it the dataset holds."""


def expected(file: str, part: Any) -> Any:
    """Read by netCDF4 what a dataset must hold."""
    with netCDF4.Dataset(DEMO / file) as nc:
        nc.set_auto_mask(False)
        if file != TAS:
            return nc["S"][:, part, 9000:9064]
        values = nc["tas"][:3, 60:68, :8]
    return values.astype("f8").mean(axis=0) if part == "mean" else values[part]


@pytest.mark.parametrize("target", [*FILES, "demo.yaml"])
def test_an_example_is_checked_without_a_complaint(target: str) -> None:
    done = CliRunner().invoke(app, ["check", str(CATALOGS / target)])
    assert done.exit_code == 0, done.output
    assert "FAILS" not in done.output
    for name in FILES.get(target, {"mpi-esm-tas": 0}):
        assert re.search(rf"^{name}$", done.output, re.MULTILINE)


@pytest.mark.parametrize("target", FILES)
def test_an_example_is_read_over_http_as_netcdf4_reads_the_file(target: str) -> None:
    with running(Server(read_targets([str(CATALOGS / target)])).app) as url:
        for name, (file, part) in FILES[target].items():
            group = zarr.open_group(f"{url}/datasets/{name}/zarr", mode="r", zarr_format=3)
            found = group["tas" if file == TAS else "S"]
            values = expected(file, part)
            if name == "tas-rounded":
                assert found.chunks == (3, 4, 8)
                assert np.abs(found[...] - values).max() <= 0.25  # half of 2**-9 of 256 kelvin
                assert np.unique(found[...]).size < np.unique(values).size / 2
            elif name == "tas-mean":
                np.testing.assert_array_equal(found[...], values.astype("f4"))
                assert "lat_bnds" not in group
            else:
                np.testing.assert_array_equal(found[...], values)
                assert found.dtype == values.dtype


def test_the_folder_of_the_examples_is_served_as_files_once() -> None:
    """The catalogs in it, of STAC too, are passed over."""
    ids = [entry.id for entry in read_targets([str(CATALOGS)]).entries]
    assert sorted(ids) == sorted(f"data-{name}" for name in FILES["data"])


def test_our_example_has_every_key() -> None:
    datasets = yaml.safe_load((CATALOGS / "own.yaml").read_text())["datasets"]
    assert {key for dataset in datasets.values() for key in dataset} == {"href", "driver", *_Reader._READERS}
    assert {key for dataset in datasets.values() for key in dataset.get("prepare", {})} == set(preparation.KEYS)


def test_the_examples_are_small_and_have_their_licence() -> None:
    files = [path for path in (CATALOGS / "data").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 150_000
    assert (CATALOGS / "data" / "LICENSE-ncarg.txt").read_bytes() == (DEMO / "LICENSE-ncarg.txt").read_bytes()
    assert (CATALOGS / "demo.yaml").resolve() == DEMO / "demo.yaml"


@pytest.mark.filterwarnings("ignore")  # intake's own
@pytest.mark.parametrize("name", ["intake-v1.yaml", "intake-v2.yaml"])
def test_intake_reads_its_examples_too(name: str) -> None:
    import intake  # noqa: PLC0415  # takes seconds

    catalog = intake.open_catalog(str(CATALOGS / name))
    ds = catalog["tas"].to_dask() if name == "intake-v1.yaml" else catalog["tas"].read()
    np.testing.assert_array_equal(ds["tas"].values, expected(TAS, MONTHS))
