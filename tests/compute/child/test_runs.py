"""Functions in real processes: what they are given and what they give back."""

import json
import os
from pathlib import Path
from typing import Any

import cftime
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from playing import play

from cloudify.compute.child.child import Child
from cloudify.compute.child.pool import Children
from cloudify.compute.child.returned import File, Limits, Plain
from cloudify.model.function import Function

DTYPES = st.one_of(
    npst.boolean_dtypes(),
    npst.integer_dtypes(endianness="?"),
    npst.unsigned_integer_dtypes(endianness="?"),
    npst.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    npst.complex_number_dtypes(endianness="?", sizes=(64, 128)),
    npst.datetime64_dtypes(max_period="Y", min_period="ns", endianness="?"),
    npst.timedelta64_dtypes(max_period="Y", min_period="ns", endianness="?"),
    npst.byte_string_dtypes(min_len=1, max_len=5),
    npst.unicode_string_dtypes(min_len=1, max_len=5, endianness="?"),
)
ARRAYS = npst.arrays(DTYPES, npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))


@given(array=ARRAYS, is_fortran=st.booleans())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_array_comes_back_as_it_went(child: Child, array: Any, is_fortran: bool) -> None:
    array = np.asfortranarray(array)[..., ::-1] if is_fortran and array.ndim else array
    back = play(child, "same", array).value
    assert isinstance(back, np.ndarray)
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert back.tobytes() == array.tobytes()


def rich() -> xr.Dataset:
    """Return a dataset with everything that a file may hold."""
    return xr.Dataset(
        {
            "t": (
                ("time", "y", "x"),
                np.arange(12, dtype=">f4").reshape(2, 2, 3),
                {"units": "K", "valid": np.float32(0.5)},
            ),
            "mask": (("y", "x"), np.eye(2, 3, dtype=bool)),
            "phase": ("x", np.array([1j, 2, np.nan])),
            "span": ("time", np.array([1, 2], "m8[s]")),
            "label": ("x", np.array(["a", "", "\N{SNOWMAN}\N{PILE OF POO}"], object)),
            "code": ("x", np.array([b"a", b"bc", b""])),
            "scalar": ((), np.int8(-3)),
        },
        coords={
            "time": ("time", np.array(["2000-01-01", "2000-01-02"], "M8[ns]"), {"axis": "T"}),
            "x": ("x", np.array([1.5, 2.5, 3.5], "f4")),
            "station": ("y", np.array(["p", "qq"], object)),
            "lat": (("y", "x"), np.ones((2, 3))),
            "run": ((), "first"),
        },
        attrs={"title": "\N{DEGREE SIGN}", "missing": float("nan"), "list": np.array([1, 2])},
    )


def test_a_dataset_comes_back_as_it_went(large: Child) -> None:
    """Attributes come back as JSON has them; everything else equal to the last bit."""
    ds = rich()
    back = play(large, "same", ds).value
    assert isinstance(back, xr.Dataset)
    xr.testing.assert_equal(back, ds)
    for name, variable in ds.variables.items():
        assert (back[name].dtype, back[name].dims) == (variable.dtype, variable.dims)
    assert list(back.variables) == list(ds.variables)
    assert set(back.coords) == set(ds.coords)
    assert set(back.xindexes) == {"time", "x"}
    assert back.t.attrs == {"units": "K", "valid": 0.5}
    assert back.attrs["list"] == [1, 2]
    assert np.isnan(back.attrs["missing"])
    assert back.sel(x=2.5, time="2000-01-02").t.values.tolist() == [7, 10]


@pytest.mark.parametrize("name", ["t", "x", None, "a name"])
def test_an_array_of_a_dataset_comes_back_under_its_name_or_that_of_the_function(
    large: Child, name: str | None
) -> None:
    """The name may be that of its own coordinate."""
    array = (rich().x if name == "x" else rich().t).rename(name)
    back = play(large, "same", array).value
    assert isinstance(back, xr.DataArray)
    assert back.name == (name or "play")
    xr.testing.assert_equal(back, array)
    assert back.attrs == {key: float(value) if key == "valid" else value for key, value in array.attrs.items()}


@pytest.mark.parametrize("calendar", ["360_day", "noleap", "julian", "standard", "proleptic_gregorian"])
def test_dates_of_other_calendars_come_back_as_dates(large: Child, calendar: str) -> None:
    days = xr.date_range("0001-02-28", periods=4, calendar=calendar, use_cftime=True)
    odd = cftime.datetime(2300, 2, 28, 12, 30, 15, 123456, calendar=calendar)
    ds = xr.Dataset({"when": ("n", np.array([odd, odd], object))}, {"time": days})
    back = play(large, "same", ds).value
    assert isinstance(back, xr.Dataset)
    assert back.identical(ds)
    assert back.time.dt.calendar == calendar
    assert back.when.values[0] == odd
    assert isinstance(back.indexes["time"], xr.CFTimeIndex)


def test_a_block_may_be_changed_and_kept_by_a_function(large: Child) -> None:
    """The caller's own array is as it was, and so is what was kept of a block before the next one came."""
    first, second = xr.DataArray(np.arange(5000.0), dims="x"), xr.DataArray(np.zeros(5000), dims="x")
    np.testing.assert_array_equal(play(large, "inplace", first).value, np.arange(5000.0) - 1)
    play(large, "inplace", second)
    np.testing.assert_array_equal(play(large, "first", second).value, np.arange(5000.0) - 1)
    assert first.values[0] == 0


def test_what_was_returned_stays_when_the_next_run_is_over(child: Child) -> None:
    first = play(child, "same", np.arange(1000)).value
    second = play(child, "same", np.zeros(1000, int)).value
    np.testing.assert_array_equal(first, np.arange(1000))
    second[...] = 1


@pytest.mark.parametrize(
    ("of", "value"),
    [("numpy", {"mean": 0.5, "all": [0, 1, 2], "is": True}), ("scalar", 2.5)],
)
def test_plain_values_come_back_as_json(child: Child, of: str, value: object) -> None:
    back = play(child, "value", args={"of": of}).value
    assert isinstance(back, Plain)
    assert json.loads(back.json) == value


@pytest.mark.parametrize("datum", [None, 1, -2.5, "\N{SNOWMAN}", [1, [2]], {"a": {"b": None}}, 2**70, True])
def test_a_datum_goes_in_as_it_is(child: Child, datum: object) -> None:
    back = play(child, "same", json.dumps([datum])).value
    assert back == Plain(json.dumps([datum]))


@pytest.mark.parametrize(("of", "data"), [("bytes", b"\x00\xff"), ("empty", b"")])
def test_bytes_come_back_as_a_file_named_after_the_function(child: Child, of: str, data: bytes) -> None:
    back = play(child, "value", args={"of": of}).value
    assert isinstance(back, File)
    assert (back.name, bytes(back.data)) == ("play.bin", data)


def test_a_file_of_five_megabytes_comes_back_under_its_name(child: Child) -> None:
    nbytes = 5 * 2**20
    returned = play(child, "file", args={"nbytes": nbytes})
    assert isinstance(returned.value, File)
    assert returned.value.name == "result.bin"
    assert bytes(returned.value.data) == bytes(range(256)) * (nbytes // 256)
    assert nbytes < returned.usage.nbytes_out < nbytes + 1000


def test_two_results_are_combined_by_the_second_function(full: Children) -> None:
    main = Function("def scale(block, by):\n    return block * by\n", "scale")
    second = Function("import numpy\ndef either(a, b):\n    return numpy.maximum(a, b)\n", "either")
    with full.child("ada", "combined", main, Limits(), second) as child:
        parts = [
            child.run(xr.DataArray([float(i), 5.0], dims="x"), number=i, total=2, args='{"by": 10}') for i in (1, 2)
        ]
        whole = child.run((parts[0], parts[1].value), number=1, total=2, entry="combine")
        assert isinstance(whole.value, xr.DataArray)
        assert whole.value.values.tolist() == [20.0, 50.0]
        plain = child.run((Plain("2"), Plain("7")), number=1, total=2, entry="combine")
        assert plain.value == Plain("7")


def test_files_of_a_function_lie_in_its_working_directory_and_can_be_imported(lights: Children) -> None:
    source = "from pathlib import Path\nimport own\ndef f(x):\n    return own.TEN + len(Path('a/b.txt').read_text())\n"
    function = Function(source, "f", {"own.py": b"TEN = 10\n", "a/b.txt": b"three"})
    with lights.child("ada", "files", function, Limits()) as child:
        assert child.run("1", number=1, total=1).value == Plain("15")


def test_a_function_knows_its_slice(child: Child) -> None:
    assert play(child, "slice", number=3, total=7).value == Plain("[3, 7]")
    assert play(child, "slice", number=4, total=9).value == Plain("[4, 9]")


def test_state_lives_from_run_to_run_of_one_job(child: Child) -> None:
    first, second = (json.loads(play(child, "runs").value.json) for _ in range(2))  # type: ignore[union-attr]
    assert second == first + 1


def test_a_process_has_nothing_of_ours(child: Child, folder: Path) -> None:
    """A clean environment, a session and a folder of its own, and no more descriptors than it needs."""
    seen = json.loads(play(child, "where").value.json)  # type: ignore[union-attr]
    home = seen["cwd"]
    assert Path(home).parent == folder
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    expected = {"PATH": "/usr/bin:/bin", "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8"} | threads
    assert {name: value for name, value in seen["env"].items() if name != "LC_CTYPE"} == expected
    assert seen["sid"] == seen["pid"] != os.getpid()
    assert seen["flags"] == 1
    assert seen["path"][0] == home
    assert seen["input"] == ""
    # standard streams, two for frames, two for memory, two for the meter, and the one that lists them
    assert len(seen["files"]) <= 10
    assert {name for name in seen["cloudify"] if "child.inside" not in name} == {
        "cloudify",
        "cloudify.compute",
        "cloudify.compute.child",
        "cloudify.slice",
    }


def test_usage_counts_the_processor_memory_and_bytes(child: Child) -> None:
    play(child, "runs")
    idle = play(child, "runs").usage
    burnt = play(child, "burn", args={"seconds": 0.3}).usage
    assert idle.cpu_s < 0.1
    assert 0.6 <= burnt.cpu_s < 1.5
    before, held = idle.peak_nbytes, play(child, "hold", args={"nbytes": 64 * 2**20}).usage.peak_nbytes
    assert 60 * 2**20 < held - before < 80 * 2**20
    assert play(child, "runs").usage.peak_nbytes < held - 30 * 2**20
    block = np.zeros(100_000)
    usage = play(child, "same", block).usage
    assert block.nbytes < usage.nbytes_in < block.nbytes + 1000
    assert block.nbytes < usage.nbytes_out < block.nbytes + 1000


def test_the_first_run_of_a_process_loads_no_libraries(full: Children) -> None:
    """They are loaded while it waits for a function; xarray loads most of itself when it is first used."""
    source = """
import sys

loaded = set(sys.modules)

def late(block):
    block["a"] * 2 - block["a"].mean("x")
    return sorted(set(sys.modules) - loaded)
"""
    block = xr.Dataset({"a": ("x", [1.0, 2.0])}, {"x": [0, 1]})
    with full.child("ada", "libraries", Function(source, "late"), Limits(wall_s=60)) as child:
        assert child.run(block, number=1, total=1).value == Plain("[]")
