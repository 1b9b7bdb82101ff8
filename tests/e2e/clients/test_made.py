"""What the rules say of made datasets, by values known beforehand."""

import json
from base64 import b64encode
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from struct import pack
from typing import Any
from urllib.parse import quote

import cftime
import httpx
import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml
from numcodecs import Zstd

from clients.made import FILES, OBJECTS
from cloudify import Server
from cloudify.chunks.codec import Codec
from cloudify.chunks.hierarchy import Hierarchy
from cloudify.datasets.stored import stored_form
from cloudify.testing import running

SETTINGS: dict[str, Any] = {"token": "t", "stored": False, "chunk_nbytes": 2**20, "max_chunk_nbytes": 2**28}

OWN = {
    "made-zarr2": [
        {"id": "zstd", "level": 1}, {"id": "zstd", "level": 0},
        {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0},
    ],
    "made-zarr3": [{"id": "zstd", "level": 1}, {"id": "zstd", "level": 0}],
}  # fmt: skip
"""The compressors of the stores, which are passed on, and that of what is encoded anew."""


@pytest.fixture(scope="module")
def objects() -> Iterator[httpx.Client]:
    with (
        running(Server({name: make() for name, make in OBJECTS.items()}).app) as url,
        httpx.Client(base_url=url) as client,
    ):
        yield client


def both(client: httpx.Client, dataset_id: str, name: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return ``.zarray``, ``.zattrs`` and ``zarr.json`` of an array."""
    url = f"/datasets/{dataset_id}/zarr/{quote(name)}"
    v2, attrs, v3 = (
        json.loads(client.get(f"{url}/{key}").content, parse_constant=pytest.fail)  # NaN and its like are no JSON
        for key in (".zarray", ".zattrs", "zarr.json")
    )
    return v2, attrs, v3


def raw(client: httpx.Client, dataset_id: str) -> xr.Dataset:
    url = str(client.base_url.join(f"/datasets/{dataset_id}/zarr"))
    return xr.open_dataset(url, engine="zarr", zarr_format=3, mask_and_scale=False, decode_times=False)


def test_times_are_counted_in_their_own_unit_where_it_is_exact(objects: httpx.Client) -> None:
    """Hours since 2000-01-01 of 1999-12-31, 2000-01-01 and 2000-03-01 (a leap year: 60 days), by hand."""
    with raw(objects, "times") as ds:
        assert ds["time"].to_numpy().tolist() == [-24, 0, 1440]
        assert ds["time"].dtype == np.int32
        assert ds["time"].attrs == {"units": "hours since 2000-01-01", "calendar": "standard"}
        assert ds["missing"].attrs["units"] == "hours since 1970-01-01"
        assert ds["missing"].to_numpy().tolist() == [10957 * 24, np.iinfo("int64").min, 10959 * 24 + 6]
        assert ds["gap_ms"].attrs["dtype"] == "timedelta64[ms]"
        assert ds["gap_ms"].to_numpy()[[0, 2]].tolist() == [1, 3]
        assert ds["once"].attrs["units"] == "milliseconds since 1970-01-01"


def test_times_of_every_calendar_are_counted(objects: httpx.Client) -> None:
    """Days since 1999-01-01 in years of 360 days: 2000-02-01, -28 and -30, by hand."""
    with raw(objects, "calendars") as ds:
        assert ds["time"].to_numpy().tolist() == [390, 417, 419]
        assert ds["time"].attrs == {"units": "days since 1999-01-01", "calendar": "360_day"}
        for name in ("noleap", "all_leap", "julian", "standard", "year_0"):
            attrs = ds[name].attrs
            first = cftime.num2date(ds[name].to_numpy()[0], attrs["units"], attrs["calendar"])
            assert first == OBJECTS["calendars"]()[name].to_numpy()[0], name


def test_irregular_blocks_are_served_on_a_uniform_grid_and_edges_are_whole(objects: httpx.Client) -> None:
    v2, _, v3 = both(objects, "lazy", "irregular")
    assert v2["chunks"] == v3["chunk_grid"]["configuration"]["chunk_shape"] == [10, 5]
    zstd = Zstd()
    held = OBJECTS["fills"]()["edges"].shape
    edge = np.frombuffer(zstd.decode(objects.get("/datasets/fills/zarr/edges/c/1/1").content), "<f4").reshape(4, 3)
    assert held == (6, 4)
    assert np.isnan(edge[2:]).all()
    assert np.isnan(edge[:, 1:]).all()


def test_a_chunk_of_nothing_but_fill_is_an_answer(objects: httpx.Client) -> None:
    for name in ("gap", "zero", "marked"):
        keys = [f"/datasets/fills/zarr/{name}/c/{i}/0" for i in range(3)]
        assert [objects.get(key).status_code for key in keys] == [200, 200, 200]


def test_fill_values_are_written_as_the_formats_have_them(objects: httpx.Client) -> None:
    v2, attrs, v3 = both(objects, "fills", "gap")
    assert (v2["fill_value"], "_FillValue" in attrs) == ("NaN", False)
    assert v3["attributes"]["_FillValue"] == b64encode(pack("<d", float("nan"))).decode()
    v2, _, v3 = both(objects, "fills", "marked")
    assert (v2["fill_value"], v3["fill_value"], v3["attributes"]["_FillValue"]) == (3, 3, 3)
    v2, _, v3 = both(objects, "fills", "zero")
    assert v2["fill_value"] is None
    assert "_FillValue" not in v3["attributes"]


def test_a_fill_value_of_text_or_bytes_does_not_stop_a_reader(tmp_path: Path) -> None:
    """Xarray refuses a v3 dataset with such an attribute; v2 has it as it is."""
    with netCDF4.Dataset(tmp_path / "c.nc", "w", format="NETCDF3_CLASSIC") as file:
        file.createDimension("x", 3)
        file.createVariable("c", "S1", ("x",), fill_value=b"-")[:] = np.array([b"a", b"-", b"b"])
    text = xr.Dataset({"t": ("x", ["a", "-"], {"_FillValue": "-"})})
    for source, name, held in ((tmp_path / "c.nc", "c", [b"a", b"-", b"b"]), ({"c": text}, "t", ["a", "-"])):
        with running(Server(source).app) as url:  # type: ignore[arg-type]
            for zarr_format in (2, 3):
                options: dict[str, Any] = {"engine": "zarr", "zarr_format": zarr_format, "mask_and_scale": False}
                with xr.open_dataset(f"{url}/datasets/c/zarr", concat_characters=False, **options) as ds:
                    assert ds[name].to_numpy().tolist() == held
                    assert ("_FillValue" in ds[name].attrs) == (zarr_format == 2)


def test_types_of_pandas_and_objects_become_those_of_numpy() -> None:
    columns = {
        "whole": pd.array([1, 2], dtype="Int64"),
        "gap": pd.array([1, None], dtype="Int64"),
        "category": pd.Categorical(["b", "a"]),
        "ints": np.array([1, 2], dtype=object),
        "letters": np.array([b"a", b"\xff"], dtype=object),
    }
    form, omitted = stored_form(xr.Dataset({name: ("x", values) for name, values in columns.items()}))
    assert omitted == {}
    assert form["whole"].dtype == form["ints"].dtype == np.int64
    np.testing.assert_array_equal(form["gap"], [1.0, np.nan])
    assert form["category"].to_numpy().tolist() == ["b", "a"]
    assert (form["letters"].dtype, form["letters"].to_numpy().tolist()) == (np.dtype("S2"), [b"a", b"\xff"])


def test_coordinates_named_twice_or_with_a_space_are_served() -> None:
    ds = xr.Dataset({"v": ("x", [1.0])}, coords={"a b": ("x", [1]), "h": 2.0}, attrs={"coordinates": "here"})
    ds["v"].attrs["coordinates"] = ds["v"].encoding["coordinates"] = "h"
    form, omitted = stored_form(ds)
    assert omitted == {}
    assert set(form.variables) == {"v", "a b", "h"}
    assert (form["v"].attrs["coordinates"], form.attrs) == ("h", {"coordinates": "here"})


def test_attributes_of_any_type_are_json(objects: httpx.Client) -> None:
    _, attrs, v3 = both(objects, "attributes", "t")
    expected = {"nan": "NaN", "inf": "-Infinity", "list": [1.0, "NaN"], "array": [1, 2], "one": 0.5, "bytes": "café"}
    assert expected.items() <= attrs.items()
    assert {"flag": True, "none": None, "nested": {"a": 1, "b": ["NaN"]}, "7": "seven"}.items() <= attrs.items()
    assert "missing_value" not in attrs
    assert "missing_value" not in v3["attributes"]


def test_a_multi_index_is_left_out_with_its_reason() -> None:
    form, omitted = stored_form(OBJECTS["levels"]())  # type: ignore[arg-type]
    assert omitted == {"pair": "a MultiIndex has no stored form; its levels are served"}
    hierarchy = Hierarchy.build({"/": form}, codec=Codec("zstd"), **SETTINGS)
    assert set(hierarchy.arrays) == {"v", "letter", "number"}


def test_a_slash_in_a_name_is_an_underscore(objects: httpx.Client) -> None:
    assert objects.get("/datasets/slash/zarr/m_s/c/0").status_code == 200


def test_no_filter_of_hdf5_leaks_and_two_processes_serve_the_same_bytes(start: Any, tmp_path: Path) -> None:
    for name, write in FILES.values():
        write(tmp_path / name)
    catalog = tmp_path / "catalog.yaml"
    entries = {dataset_id: {"href": str(tmp_path / name)} for dataset_id, (name, _) in FILES.items()}
    catalog.write_text(yaml.safe_dump({"cloudify": 1, "datasets": entries}))
    one, two = start("serve", str(catalog)), start("serve", str(catalog))
    for dataset_id in FILES:
        root = f"/datasets/{dataset_id}/zarr"
        consolidated = httpx.get(f"{one.url}{root}/.zmetadata").json()["metadata"]
        keys = [".zmetadata", "zarr.json"]
        for key, array in consolidated.items():
            if key.endswith(".zarray"):
                assert array["filters"] in (None, [{"id": "vlen-utf8"}])
                if "codecs" not in dataset_id:  # those are as they are stored
                    assert array["compressor"] in OWN.get(dataset_id, [{"id": "zstd", "level": 1}])
                counts = [-(-n // size) for n, size in zip(array["shape"], array["chunks"], strict=True)]
                keys += [
                    key.replace(".zarray", ".".join(map(str, index)) or "0") for index in product(*map(range, counts))
                ]
        assert len(keys) > 5
        for key in keys:
            left, right = httpx.get(f"{one.url}{root}/{key}"), httpx.get(f"{two.url}{root}/{key}")
            assert left.status_code == 200, key
            assert (left.content, left.headers["etag"]) == (right.content, right.headers["etag"]), key
