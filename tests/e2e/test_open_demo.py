"""The main job: a newcomer opens the demo's data with xarray, and it is what the files hold."""

import base64
import re
import struct
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import xarray as xr
import zarr

PROJECT = Path(__file__).parents[2]
DEMO = PROJECT / "cloudify" / "demo"
LOCAL = {"mpi-esm-tas": "mpi-esm-tas.nc", "mpi-esm-wind": "mpi-esm-wind.zarr", "icon-ocean": "icon-ocean.nc"}


@pytest.mark.parametrize("zarr_format", [None, 2, 3])
@pytest.mark.parametrize("dataset_id", LOCAL)
def test_dataset_opens_as_the_local_file_does(demo: Any, dataset_id: str, zarr_format: int | None) -> None:
    url = f"{demo.url}/datasets/{dataset_id}/zarr"
    extra = {} if zarr_format is None else {"zarr_format": zarr_format}
    with (
        xr.open_dataset(url, engine="zarr", chunks="auto", **extra) as ours,
        xr.open_dataset(DEMO / LOCAL[dataset_id]) as local,
    ):
        xr.testing.assert_identical(ours.compute(), local.compute())
        for name, variable in local.variables.items():
            served = ours.variables[name]
            assert served.dtype == variable.dtype, name
            for word in ("units", "calendar", "_FillValue", "coordinates"):
                theirs, expected = served.encoding.get(word), variable.encoding.get(word)
                assert theirs == expected or (theirs != theirs and expected != expected), (name, word, theirs, expected)


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("dataset_id", ["mpi-esm-tas", "icon-ocean"])
def test_stored_values_equal_those_that_netcdf4_reads(demo: Any, dataset_id: str, zarr_format: int) -> None:
    url = f"{demo.url}/datasets/{dataset_id}/zarr"
    group: Any = zarr.open_group(url, mode="r", zarr_format=zarr_format)  # type: ignore[arg-type]
    with netCDF4.Dataset(DEMO / LOCAL[dataset_id]) as file:
        file.set_auto_maskandscale(False)
        assert {name for name, _ in group.arrays()} == set(file.variables)
        for name, variable in file.variables.items():
            array = group[name]
            stored = variable[...]
            np.testing.assert_array_equal(array[...], stored, err_msg=name)
            assert array.dtype == stored.dtype.newbyteorder("="), name
            attributes = {key: variable.getncattr(key) for key in variable.ncattrs()}
            fill = attributes.pop("_FillValue", None)
            served = dict(array.attrs)
            served.pop("_ARRAY_DIMENSIONS", None)
            if zarr_format == 2:
                assert "_FillValue" not in served
                assert array.fill_value == fill, name
            elif fill is not None:
                assert served.pop("_FillValue") == base64.b64encode(struct.pack("<d", fill)).decode()
            for key, value in attributes.items():
                np.testing.assert_array_equal(served.pop(key), value, err_msg=f"{name}:{key}")
            assert not served, name


def test_wind_is_served_on_the_chunks_of_its_store(demo: Any) -> None:
    with xr.open_dataset(f"{demo.url}/datasets/mpi-esm-wind/zarr", engine="zarr", chunks={}, zarr_format=3) as ds:
        assert ds["uas"].chunks == ((3, 3, 3, 3), (96,), (192,))
        assert set(ds.data_vars) >= {"uas", "vas"}


def test_bounds_and_time_units_are_those_of_the_file(demo: Any) -> None:
    """January 2005 of the file: days 56613 to 56644 since 1850 (by netCDF4), the 1st of January and of February."""
    with xr.open_dataset(f"{demo.url}/datasets/mpi-esm-tas/zarr", engine="zarr", zarr_format=3) as ds:
        assert ds["time"].attrs["bounds"] == "time_bnds"
        bounds = ds["time_bnds"].isel(time=0).values
        np.testing.assert_array_equal(bounds, np.array(["2005-01-01", "2005-02-01"], dtype=bounds.dtype))
    with xr.open_dataset(f"{demo.url}/datasets/mpi-esm-tas/zarr", engine="zarr", zarr_format=2, decode_cf=False) as raw:
        assert raw["time"].attrs["units"] == "days since 1850-01-01 00:00:00"
        assert raw["time_bnds"].values[0].tolist() == [56613.0, 56644.0]


def test_demo_prints_what_a_newcomer_needs(demo: Any) -> None:
    printed = "\n".join(demo.printed)
    assert demo.printed[0] == "cloudify: starting ..."
    assert f"page      {demo.url}/" in printed
    assert "datasets  3: mpi-esm-tas, mpi-esm-wind, icon-ocean" in printed
    assert re.search(r"plugins +\d+ loaded, 0 failed", printed)
    assert (
        f'xr.open_dataset("{demo.url}/datasets/mpi-esm-tas/zarr", engine="zarr", chunks={{}}, zarr_format=3)' in printed
    )
