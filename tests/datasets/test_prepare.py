"""What a catalog wants done to a dataset, read through `/zarr` and computed a second time by numpy and numcodecs."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dask.array as da
import httpx
import netCDF4
import numcodecs
import numpy as np
import pytest
import xarray as xr
import yaml
import zarr

from cloudify import Server
from cloudify.catalog.targets import read_targets
from cloudify.datasets import split
from cloudify.datasets.labels import labels_of
from cloudify.datasets.prepare import prepare
from cloudify.model.preparation import Preparation
from cloudify.settings import Settings
from cloudify.testing import running

pytestmark = pytest.mark.filterwarnings("ignore:variable 'pr' has multiple fill values")
FILL = 1e20
NAN_BITS = 0x7FF0000000000001
"""A NaN that carries the smallest payload: rounded as a number it would be an infinity."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with every kind of variable that preparing may or may not touch."""
    path = tmp_path_factory.mktemp("source") / "source.nc"
    random = np.random.default_rng(7)
    tas = random.normal(280, 15, (6, 3, 4, 5))
    tas.ravel()[:6] = FILL, np.inf, -np.inf, 1e300, 0.1, -0.0
    tas.view("u8").ravel()[6] = NAN_BITS
    pr = random.gamma(1, 1e-5, (6, 4, 5)).astype("f4")
    pr.ravel()[:4] = FILL, np.inf, np.nan, -1.1
    with netCDF4.Dataset(path, "w") as nc:
        for name, size in (("time", 6), ("lev", 3), ("lat", 4), ("lon", 5), ("bnds", 2)):
            nc.createDimension(name, size)
        _add(nc, "time", "f8", ("time",), np.arange(6) + 0.5, units="days since 2005-01-01", bounds="time_bnds")
        _add(nc, "time_bnds", "f8", ("time", "bnds"), np.arange(12.0).reshape(6, 2) / 3)
        _add(nc, "lev", "f8", ("lev",), [1000.0, 850.5, 0.1], positive="down", units="hPa")
        _add(nc, "lat", "f8", ("lat",), [0.1, 0.2, 0.3, 0.4], units="degrees_north")
        _add(nc, "lon", "f8", ("lon",), np.arange(5) / 7, units="degrees_east")
        _add(nc, "area", "f8", ("lat", "lon"), np.arange(20.0).reshape(4, 5) / 3, units="m2")
        _add(nc, "run", "f8", (), 12.1, units="days since 2000-01-01")
        _add(nc, "height", "f8", (), 2.1, units="m")
        _add(nc, "tas", "f8", ("time", "lev", "lat", "lon"), tas, FILL, coordinates="height", units="K",
             chunksizes=(1, 3, 4, 5))  # fmt: skip
        _add(nc, "pr", "f4", ("time", "lat", "lon"), pr, -1.0, missing_value=np.float32(FILL))
        _add(nc, "packed", "i2", ("time", "lat", "lon"), np.arange(120).reshape(6, 4, 5), scale_factor=0.1)
        _add(nc, "scaled", "f8", ("lat",), [0.1, 0.2, 0.3, 0.7], add_offset=3.3)
        deep = nc.createGroup("deep")
        _add(deep, "tas", "f8", ("time",), np.arange(6) / 3)
    return path


def _add(
    nc: Any, name: str, dtype: str, dims: tuple[str, ...], values: Any, fill: Any = None, *,
    chunksizes: Any = None, **attrs: Any,
) -> None:  # fmt: skip
    variable = nc.createVariable(name, dtype, dims, fill_value=fill, chunksizes=chunksizes)
    variable.set_auto_maskandscale(False)
    variable[...] = values
    variable.setncatts(attrs)


def stored(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Every variable as netCDF4 reads it, raw."""
    with netCDF4.Dataset(path) as nc:
        nc.set_auto_maskandscale(False)
        found = {name: np.asarray(variable[...]) for name, variable in nc.variables.items()}
        return found | {"deep/tas": np.asarray(nc["deep/tas"][...])}


def serve(source: Path, tmp_path: Path, **wanted: Any) -> Server:
    catalog = {"datasets": {"d": {"href": str(source), "prepare": wanted}, "raw": {"href": str(source)}}}
    (tmp_path / "catalog.yaml").write_text(yaml.safe_dump(catalog))
    return Server(read_targets([str(tmp_path / "catalog.yaml")]), settings=Settings.load(token_check_s=0))


@pytest.fixture
def served(source: Path, tmp_path: Path) -> Iterator[Any]:
    """Serve the source prepared: ``served(keepbits=3)`` returns its zarr group, in both formats."""
    with ExitStack() as ends:

        def served(**wanted: Any) -> dict[int, zarr.Group]:
            url = ends.enter_context(running(serve(source, tmp_path, **wanted).app))
            return {fmt: zarr.open_group(f"{url}/datasets/d/zarr", mode="r", zarr_format=fmt) for fmt in (2, 3)}

        yield served


def same_bits(found: np.ndarray[Any, Any], expected: np.ndarray[Any, Any]) -> None:
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert found.tobytes() == expected.tobytes()


def test_float32_casts_data_and_leaves_coordinates_bounds_times_and_packed_values(served: Any, source: Path) -> None:
    raw = stored(source)
    with np.errstate(over="ignore", invalid="ignore"):
        expected = raw["tas"].astype("f4")
    for group in served(float32=True).values():
        same_bits(group["tas"][...], expected)
        assert group["tas"].fill_value == np.float32(FILL)
        same_bits(group["area"][...], raw["area"].astype("f4"))
        same_bits(group["deep/tas"][...], raw["deep/tas"].astype("f4"))
        for name in ("time", "time_bnds", "lev", "lat", "lon", "run", "height", "pr", "packed", "scaled"):
            same_bits(group[name][...], raw[name])


def test_float32_keeps_missing_what_is_missing_and_nothing_else(tmp_path: Path) -> None:
    """1e300 is no float32: its elements become NaN, the fill value too; -1.0000000001 must not become the -1 of it."""
    with netCDF4.Dataset(tmp_path / "own.nc", "w") as nc:
        nc.createDimension("x", 4)
        _add(nc, "huge", "f8", ("x",), [1e300, 1.0, 1e299, np.nan], 1e300)
        _add(nc, "near", "f8", ("x",), [-1.0, -1.0000000001, -0.9999999999, 2.0], -1.0)
        _add(nc, "none", "f8", ("x",), [0.0, 1e-60, -1e-60, 2.0], 0.0)
        _add(nc, "text", "f8", ("x",), [0.1, 1, 2, 3], missing_value="none")
    with running(serve(tmp_path / "own.nc", tmp_path, float32=True).app) as url:
        group = zarr.open_group(f"{url}/datasets/d/zarr", mode="r", zarr_format=2)
        assert np.isnan(group["huge"].fill_value)
        np.testing.assert_array_equal(group["huge"][...], np.array([np.nan, 1, np.inf, np.nan], "f4"))
        ulp = np.float32(2**-24)
        np.testing.assert_array_equal(group["near"][...], np.array([-1, -1 - 2 * ulp, -1 + ulp, 2], "f4"))
        tiny = np.float32(2**-149)
        np.testing.assert_array_equal(group["none"][...], np.array([0, tiny, -tiny, 2], "f4"))
        np.testing.assert_array_equal(group["text"][...], np.array([0.1, 1, 2, 3], "f4"))


@pytest.mark.parametrize("keepbits", [1, 7, 10, 22])
def test_keepbits_rounds_as_numcodecs_and_keeps_missing_values(served: Any, source: Path, keepbits: int) -> None:
    raw = stored(source)
    codec = numcodecs.BitRound(keepbits)
    for group in served(keepbits=keepbits).values():
        for name, missing in (("tas", [FILL]), ("pr", [-1, np.float32(FILL)]), ("area", []), ("deep/tas", [])):
            whole = raw[name]
            rounded = codec.decode(codec.encode(whole)).reshape(whole.shape)
            stays = ~np.isfinite(whole) | np.isin(whole, missing) | np.isin(rounded, missing)
            same_bits(group[name][...], np.where(stays, whole, rounded))
        for name in ("time", "time_bnds", "lev", "lat", "lon", "run", "height", "packed", "scaled"):
            same_bits(group[name][...], raw[name])
    assert np.float32(-1.1) in raw["pr"]  # with one bit it would round to -1, which means missing


def test_keepbits_by_hand(tmp_path: Path) -> None:
    """Two bits keep 1, 1.25, 1.5, 1.75; ties go to the even one: 1.125 to 1, 1.375 to 1.5, 1.875 to 2."""
    with netCDF4.Dataset(tmp_path / "own.nc", "w") as nc:
        nc.createDimension("x", 6)
        for name, dtype in (("single", "f4"), ("double", "f8")):
            _add(nc, name, dtype, ("x",), [1.125, 1.375, 1.6, -1.875, 1e-40, 0.0])
        _add(nc, "scalar", "f4", (), 1.6)
    with running(serve(tmp_path / "own.nc", tmp_path, keepbits=2).app) as url:
        group = zarr.open_group(f"{url}/datasets/d/zarr", mode="r", zarr_format=3)
        for name in ("single", "double"):
            np.testing.assert_array_equal(group[name][:4], [1, 1.5, 1.5, -2])
            assert group[name][5] == 0
        assert group["scalar"][...] == 1.5


def test_float32_then_keepbits(served: Any, source: Path) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        single = stored(source)["tas"].astype("f4")
    codec = numcodecs.BitRound(9)
    rounded = codec.decode(codec.encode(single)).reshape(single.shape)
    expected = np.where(np.isfinite(single) & (single != np.float32(FILL)), rounded, single)
    same_bits(served(float32=True, keepbits=9)[3]["tas"][...], expected)


@pytest.mark.parametrize(
    ("chunks", "tas", "pr", "lat"),
    [
        ({"time": 4}, (4, 3, 4, 5), (4, 4, 5), (4,)),
        ({"lat": 3, "lon": 2}, (1, 3, 3, 2), (6, 3, 2), (3,)),
        ({"lev": 1, "time": 100}, (6, 1, 4, 5), (6, 4, 5), (4,)),
    ],
)
def test_chunks_are_those_of_the_catalog(
    served: Any, source: Path, chunks: dict[str, int], tas: tuple[int, ...], pr: tuple[int, ...], lat: tuple[int, ...]
) -> None:
    """Other dimensions keep the source's: one time a chunk for `tas`, everything for what is contiguous."""
    raw = stored(source)
    for group in served(chunks=chunks).values():
        assert (group["tas"].chunks, group["pr"].chunks, group["lat"].chunks) == (tas, pr, lat)
        for name, values in raw.items():
            same_bits(group[name][...], values)


def test_chunks_of_a_contiguous_variable_are_cut_along_what_is_not_named(tmp_path: Path) -> None:
    with netCDF4.Dataset(tmp_path / "own.nc", "w") as nc:
        for name, size in (("t", 50), ("y", 20), ("x", 10)):
            nc.createDimension(name, size)
        _add(nc, "v", "f4", ("t", "y", "x"), np.arange(10_000).reshape(50, 20, 10))
    catalog = {"datasets": {"d": {"href": "own.nc", "prepare": {"chunks": {"y": 5}}}}}
    (tmp_path / "catalog.yaml").write_text(yaml.safe_dump(catalog))
    settings = Settings.load(chunk_nbytes=4 * 5 * 10 * 7, max_chunk_nbytes=4 * 5 * 10 * 7)
    with running(Server(read_targets([str(tmp_path / "catalog.yaml")]), settings=settings).app) as url:
        array = zarr.open_group(f"{url}/datasets/d/zarr", mode="r", zarr_format=3)["v"]
        assert array.chunks == (7, 5, 10)
        np.testing.assert_array_equal(array[...], np.arange(10_000).reshape(50, 20, 10))


def test_dropping_takes_the_variable_and_what_points_to_it(served: Any) -> None:
    for group in served(drop=["time_bnds", "height", "deep/tas", "lat"]).values():
        assert {"time_bnds", "height", "lat"}.isdisjoint(group.array_keys())
        assert list(group["deep"].array_keys()) == []
        assert "bounds" not in group["time"].attrs
        assert "coordinates" not in group["tas"].attrs


def test_promoted_variables_are_coordinates_to_xarray(source: Path, tmp_path: Path) -> None:
    with running(serve(source, tmp_path, promote=["area", "run", "packed"]).app) as url:
        for fmt in (2, 3):
            with xr.open_dataset(f"{url}/datasets/d/zarr", engine="zarr", zarr_format=fmt) as ds:
                assert set(ds.coords) == {"time", "lev", "lat", "lon", "height", "area", "run", "packed"}
                assert set(ds.data_vars) == {"time_bnds", "tas", "pr", "scaled"}
        attrs = zarr.open_group(f"{url}/datasets/d/zarr", mode="r", zarr_format=3)["tas"].attrs
        assert attrs["coordinates"] == "height area run packed"
        tree = httpx.get(f"{url}/datasets/d/info").json()
        assert "area" in str(tree)


def test_promoted_variables_keep_their_type(served: Any, source: Path) -> None:
    group = served(promote=["area"], float32=True)[3]
    same_bits(group["area"][...], stored(source)["area"])
    assert group["tas"].dtype == "f4"


def test_split_makes_a_dataset_of_each_level(source: Path, tmp_path: Path) -> None:
    server = serve(source, tmp_path, split="lev", keepbits=10)
    ids = ["d-1000", "d-850-5", "d-0-1"]
    assert server.dataset_ids() == [*ids, "raw"]
    assert server.catalog.faults == ()
    raw = stored(source)["tas"]
    codec = numcodecs.BitRound(10)
    with running(server.app) as url:
        for level, name in enumerate(ids):
            group = zarr.open_group(f"{url}/datasets/{name}/zarr", mode="r", zarr_format=3)
            whole = raw[:, level]
            rounded = codec.decode(codec.encode(np.ascontiguousarray(whole))).reshape(whole.shape)
            same_bits(group["tas"][...], np.where(np.isfinite(whole) & (whole != FILL), rounded, whole))
            assert group["tas"].chunks == (6, 4, 5)  # small chunks of HDF5 are served several at once
            assert group["lev"].shape == ()
            with xr.open_dataset(f"{url}/datasets/{name}/zarr", engine="zarr", zarr_format=3) as ds:
                assert ds["lev"].item() == [1000.0, 850.5, 0.1][level]
                assert "lev" in ds.coords
                assert ds["tas"].dims == ("time", "lat", "lon")


def test_split_by_time_is_labelled_with_dates_and_titles_say_it(tmp_path: Path) -> None:
    xr.Dataset({"v": ("time", [1.0, 2.0])}, {"time": np.array(["2005-01-16", "2005-02-15T12:00"], "M8[ns]")}).to_netcdf(
        tmp_path / "own.nc"
    )
    catalog = {"datasets": {"d": {"href": "own.nc", "title": "Series", "prepare": {"split": "time"}}}}
    (tmp_path / "catalog.yaml").write_text(yaml.safe_dump(catalog))
    server = Server(read_targets([str(tmp_path / "catalog.yaml")]))
    assert [(entry.id, entry.title) for entry in server.catalog.entries] == [
        ("d-2005-01-16", "Series, time 2005-01-16"),
        ("d-2005-02-15t12-00-00", "Series, time 2005-02-15t12-00-00"),
    ]


def test_a_part_is_found_by_its_label_when_the_source_was_written_anew(tmp_path: Path) -> None:
    """A level put before the others must not shift what the ids mean."""

    def write(levels: list[float]) -> None:
        xr.Dataset({"v": ("lev", [level * 2 for level in levels])}, {"lev": levels}).to_netcdf(tmp_path / "own.nc")

    write([850.0, 500.0])
    with running(serve(tmp_path / "own.nc", tmp_path, split="lev").app) as url:
        part = f"{url}/datasets/d-850/zarr"
        assert zarr.open_group(part, mode="r", zarr_format=3)["v"][...] == 1700
        (tmp_path / "own.nc").unlink()
        write([1000.0, 850.0])
        assert zarr.open_group(part, mode="r", zarr_format=3)["v"][...] == 1700
        answer = httpx.get(f"{url}/datasets/d-500/zarr/zarr.json")
        assert answer.status_code == 502
        assert answer.json()["detail"].endswith("its source has no lev '500' any more")


def test_no_stored_bytes_and_no_file_stand_for_a_prepared_dataset(source: Path, tmp_path: Path) -> None:
    for wanted in ({"keepbits": 10}, {"drop": ["area"]}, {"chunks": {"time": 2}}):
        with running(serve(source, tmp_path, **wanted).app) as url:
            for path in ("kerchunk", "kerchunk.json", "kerchunk/tas/0.0.0.0"):
                answer = httpx.get(f"{url}/datasets/d/{path}")
                assert answer.status_code == 404
                assert answer.json()["type"] == "urn:cloudify:problems/no-stored-bytes"
                assert "/datasets/d/zarr" in answer.json()["detail"]
                assert httpx.get(f"{url}/datasets/raw/{path}").status_code == 200
            answer = httpx.get(f"{url}/datasets/d/source.nc")
            assert (answer.status_code, answer.json()["type"]) == (404, "urn:cloudify:problems/no-source-file")
            sources = yaml.safe_load(httpx.get(f"{url}/intake.yaml").text)["sources"]
            assert list(sources) == ["d", "d-zarr", "raw", "raw-zarr", "raw-kerchunk"]
            found = httpx.get(f"{url}/datasets/d/check").json()["findings"]
            (row,) = [row for row in found if row["endpoint"] == "kerchunk"]
            assert (row["verdict"], row["fix"]) == ("limited", "readers use /zarr")


def test_etags_change_with_the_options_and_with_nothing_else(source: Path, tmp_path: Path) -> None:
    tags = []
    for wanted in ({}, {"keepbits": 10}, {"keepbits": 11}, {"float32": True}, {"chunks": {"lat": 2}}, {}):
        with running(serve(source, tmp_path, **wanted).app) as url:
            answer = httpx.get(f"{url}/datasets/d/zarr/tas/c/0/0/0/0")
            raw = httpx.get(f"{url}/datasets/raw/zarr/tas/c/0/0/0/0")
            assert answer.status_code == raw.status_code == 200
            tags.append((answer.headers["etag"], raw.headers["etag"]))
    assert len({tag for tag, _ in tags}) == 5
    assert tags[0] == tags[5]
    assert len({tag for _, tag in tags}) == 1


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"drop": ["tass"]}, "its catalog wants to drop the variable 'tass', which it lacks; did you mean 'tas'?"),
        ({"promote": ["deep/x"]}, "its catalog wants to promote the variable 'deep/x', which it lacks"),
        (
            {"chunks": {"depth": 3}},
            "its catalog wants to chunk the dimension 'depth', which it lacks; it has bnds, lat",
        ),
        ({"split": "lev", "chunks": {"lev": 1}}, "the dimension 'lev', which it lacks"),
    ],
)
def test_a_name_that_is_not_there_is_said(source: Path, tmp_path: Path, wanted: dict[str, Any], said: str) -> None:
    server = serve(source, tmp_path, **wanted)
    with running(server.app) as url:
        answer = httpx.get(f"{url}/datasets/{server.dataset_ids()[0]}/zarr/zarr.json")
        assert answer.status_code == 502
        assert said in answer.json()["detail"]
        assert httpx.get(f"{url}/datasets/raw/zarr/zarr.json").status_code == 200


def test_what_cannot_be_split_is_a_fault_with_its_line_and_costs_itself(source: Path, tmp_path: Path) -> None:
    text = f"""\
datasets:
  none: {{href: "{source}", prepare: {{split: depth}}}}
  gone: {{href: gone.nc, prepare: {{split: lev}}}}
  good: {{href: "{source}"}}
"""
    (tmp_path / "catalog.yaml").write_text(text)
    server = Server(read_targets([str(tmp_path / "catalog.yaml")]))
    assert server.dataset_ids() == ["none", "gone", "good"]
    assert [(fault.line, fault.expected) for fault in server.catalog.faults] == [
        (2, "a dataset to split along 'depth'"), (3, "a dataset to split along 'lev'"),
    ]  # fmt: skip
    assert "a dimension it lacks; it has bnds, lat" in server.catalog.faults[0].found
    assert server.catalog.faults[1].found == "its source is not there"
    assert server.catalog.faults[0].file == str(tmp_path / "catalog.yaml")
    with running(server.app) as url:
        assert httpx.get(f"{url}/datasets/none/zarr/zarr.json").status_code == 502
        assert httpx.get(f"{url}/datasets/good/zarr/zarr.json").status_code == 200


@pytest.mark.parametrize(
    ("coordinate", "attrs", "labels"),
    [
        (np.array([-0.5, 0.5, 1e6], "f4"), {}, ["minus-0-5", "0-5", "1000000"]),
        (np.array([-3, 3, 0], "i2"), {}, ["minus-3", "3", "0"]),
        (np.array([0, 30.5, 31]), {"units": "days since 2000-02-30", "calendar": "360_day"},
         ["2000-02-30", "2000-03-30t12-00-00", "2000-04-01"]),
        (np.array([20010101.0, 20010201.5, 1]), {"units": "day as %Y%m%d.%f"}, ["20010101", "20010201-5", "1"]),
        (np.array(["Kiel", "kiel!", "Bonn"], object), {}, ["kiel-0", "kiel-1", "bonn"]),
        (np.array([[b"K", b"i"], [b"B", b"o"], [b"", b""]], "S1"), {}, ["ki", "bo", "dataset"]),
        (np.array(["a", "a", "a-1"], object), {}, ["0", "1", "2"]),
        (None, {}, ["0", "1", "2"]),
    ],
)  # fmt: skip
def test_labels_are_what_people_call_an_element(coordinate: Any, attrs: dict[str, str], labels: list[str]) -> None:
    """By hand; a position where two are alike, and positions for all where even that leaves two alike."""
    ds = xr.Dataset({"v": ("d", np.zeros(3))})
    if coordinate is not None:
        ds["d"] = xr.Variable(("d", "n")[: coordinate.ndim], coordinate, attrs)
    assert labels_of({"/": ds}, "d") == labels


def test_a_dimension_of_too_many_elements_is_not_split(tmp_path: Path) -> None:
    xr.Dataset({"v": ("x", np.zeros(1001))}).to_netcdf(tmp_path / "own.nc")
    server = serve(tmp_path / "own.nc", tmp_path, split="x")
    assert [fault.found for fault in server.catalog.faults] == [
        "its dimension 'x' has 1001 elements; 1 to 1000 can be split"
    ]


def test_ten_thousand_entries_open_nothing_and_one_that_is_split_opens_itself(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    real = split.open_entry
    monkeypatch.setattr(split, "open_entry", lambda entry, **given: (opened.append(entry.id), real(entry, **given))[1])
    lines = [f"  e{n}: {{href: x.nc, prepare: {{keepbits: 10}}}}" for n in range(10_000)]
    lines.append(f"  whole: {{href: '{source}', prepare: {{split: lev}}}}")
    (tmp_path / "catalog.yaml").write_text("\n".join(["datasets:", *lines]))
    server = Server(read_targets([str(tmp_path / "catalog.yaml")]))
    assert opened == ["whole"]
    assert len(server.dataset_ids()) == 10_003


def test_the_check_names_what_preparing_leaves_alone(source: Path, tmp_path: Path) -> None:
    with running(serve(source, tmp_path, keepbits=10).app) as url:
        found = httpx.get(f"{url}/datasets/d/check").json()["findings"]
        assert [(row["subject"], row["verdict"]) for row in found if row["endpoint"] == "prepare"] == [
            ("packed", "limited"), ("scaled", "limited"),
        ]  # fmt: skip
        assert not [
            row for row in httpx.get(f"{url}/datasets/raw/check").json()["findings"] if row["endpoint"] == "prepare"
        ]


def test_a_prepared_dask_variable_stays_lazy_and_costs_its_block() -> None:
    evaluated: list[int] = []

    def block(numbers: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        if numbers.size:
            evaluated.append(int(numbers[0]))
        return numbers / 3

    ds = xr.Dataset({"v": ("x", da.arange(1000, chunks=10).map_blocks(block, dtype="f8", meta=np.zeros(0)))})
    prepared = prepare({"/": ds}, Preparation(float32=True))["/"]["v"]
    assert prepared.chunks == ds["v"].chunks
    assert evaluated == []
    np.testing.assert_array_equal(prepared[40:50].to_numpy(), (np.arange(40, 50) / 3).astype("f4"))
    assert evaluated == [40]
