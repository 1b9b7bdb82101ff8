"""Values as bytes, without a process: what may be returned, and bytes that lie."""

import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import cftime
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudify.compute.child.inside.arrays import MOST_OBJECTS, UnfitError
from cloudify.compute.child.inside.packing import File, Plain
from cloudify.compute.child.inside.returning import as_json, passed_on
from cloudify.compute.child.judge import plain_text
from cloudify.compute.child.returned import dump, load


class Odd:
    """No value of any kind."""


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (None, "play() returned nothing: it has to end with `return` and the result"),
        (float("nan"), "holds NaN or an infinite number, which JSON cannot say: put None or a text in its place"),
        ({"a": [1.0, float("-inf")]}, "holds NaN or an infinite number"),
        (np.float32("nan"), "holds NaN or an infinite number"),
        (Odd(), "play() returned a Odd; it may return an xarray Dataset or DataArray, a numpy array, a number, a text"),
        ({1, 2}, "play() returned a set; it may return"),
        (1j, "play() returned a complex; it may return"),
        (range(3), "play() returned a range; it may return"),
        ((i for i in range(3)), "play() returned a generator; it may return"),
        ([Odd()], "the value that play() returned has no JSON: a Odd is no number, text, list or dict"),
        ({(1, 2): 3}, "has no JSON: keys must be str, int, float, bool or None"),
        ([np.timedelta64(1, "D")], "has no JSON: a lapse of time is no number: divide it by one"),
        (10**5000, "has no JSON: Exceeds the limit"),
        ("a\ud800", "it is no JSON"),
        ("x" * 2**22, "as JSON it takes 4194306 bytes, and 2097152 are passed on: return an array or a file"),
        (Path("/etc/hostname"), "returned the path '/etc/hostname': no file in its working directory"),
        (Path("gone"), "returned the path 'gone': no file in its working directory"),
        (Path(), "no file in its working directory"),
        (np.array([1, "a", None], object), "the array holds Python objects (NoneType, int, str)"),
        (np.zeros(2, "i4,f8"), "which is not passed on; convert it by `.astype(...)`"),
        (np.zeros(2, np.longdouble), "the array is of the type float128, which is not passed on"),
        (
            np.ma.masked_array([1.0, 2.0], [False, True]),
            "some of its values are masked: return `value.filled(numpy.nan)`",
        ),
        (xr.Dataset({"a": ("x", [object()])}), "'a' holds Python objects (object)"),
        (xr.Dataset({"a": 0}).expand_dims(p=[1], q=[2]).stack(x=["p", "q"]), "'x' holds Python objects (tuple)"),
        (xr.Dataset({1: ("x", [0])}), "names are texts, and 1 is a int"),
        (xr.DataArray([0], dims=[1]), "names are texts, and 1 is a int"),
        (xr.DataArray([0], dims="x", name="a/b"), "can be stored under the name 'a/b'"),
        (xr.Dataset({"..": ("x", [0])}), "can be stored under the name '..'"),
        (xr.Dataset({"a": ("a\nb", [0])}), "can be stored under the name"),
        (xr.Dataset(attrs={"a": "\ud800"}), "holds what is no text: half a surrogate pair"),
        (xr.Dataset({f"a{i}": 0 for i in range(20_000)}), "names and attributes take"),
        (np.broadcast_to(np.array("a", object), MOST_OBJECTS + 1), "holds 1048577 objects; 1048576 are passed on"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_passed_on_says_why(tmp_path: Path, returned: object, words: str) -> None:
    with pytest.raises(UnfitError, match=re.escape(words)):
        load(dump(passed_on(returned, "play", tmp_path)))  # type: ignore[arg-type]


def test_dates_among_plain_values_become_texts(tmp_path: Path) -> None:
    """As a date of a coordinate is what one writes beside a mean."""
    returned = {
        "numpy": np.datetime64("2005-01-16T12:00:00.000000000"),
        "many": np.array(["2000-01-01", "NaT"], "M8[D]"),
        "cftime": cftime.Datetime360Day(2000, 2, 30, 6),
        "python": datetime(2000, 1, 1, tzinfo=UTC),
    }
    plain = passed_on(returned, "play", tmp_path)
    assert isinstance(plain, Plain)
    assert json.loads(plain.json) == {
        "numpy": "2005-01-16T12:00:00.000000000",
        "many": ["2000-01-01", None],
        "cftime": "2000-02-30T06:00:00",
        "python": "2000-01-01T00:00:00+00:00",
    }
    assert passed_on(np.datetime64("2000-01-01"), "play", tmp_path) == Plain('"2000-01-01"')
    assert passed_on(date(2000, 1, 1), "play", tmp_path) == Plain('"2000-01-01"')


def test_a_link_out_of_the_working_directory_is_no_file_in_it(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "secret").write_text("x")
    (tmp_path / "home" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(UnfitError, match="no file in its working directory"):
        passed_on(Path("link"), "play", tmp_path / "home")


@pytest.mark.parametrize("depth", [65, 400, 100_000])
def test_json_that_is_too_deep_is_refused(depth: int) -> None:
    assert plain_text("[" * 64 + "]" * 64) == "[" * 64 + "]" * 64
    with pytest.raises(UnfitError, match="more than 64 deep in each other"):
        plain_text("[" * depth + "]" * depth)
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(UnfitError, match="has no JSON"):
        as_json(value, "it")
    while value:  # nobody else can take this apart
        (value,) = value


@pytest.mark.parametrize(
    "text", ["NaN", "[1, Infinity]", "1e999", '"\\ud800"', "{", "", "9" * 5000, '{"a": -Infinity}']
)
def test_json_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UnfitError, match="it is no JSON"):
        plain_text(text)


@pytest.mark.parametrize(
    "value",
    [
        Plain('{"a": [1, null, "\\u2603"]}'),
        np.arange(6).reshape(2, 3),
        np.array(["a", "bc"]),
        np.zeros((0, 3)),
        xr.DataArray([1.0, np.nan], {"x": [1, 2]}, name="x"),
        xr.Dataset({"t": ("x", ["a", "b"])}, {"x": [1, 2]}, {"a": 1}),
    ],
)
def test_a_value_is_loaded_as_it_was_dumped(value: Any) -> None:
    again = load(dump(value))
    assert type(again) is type(value)
    if isinstance(value, (xr.DataArray, xr.Dataset)):
        assert again.identical(value)
    elif isinstance(value, np.ndarray):
        np.testing.assert_array_equal(again, value)
        assert (again.dtype, again.shape) == (value.dtype, value.shape)
    else:
        assert again == value
    assert dump(again) == dump(value)


def test_a_file_is_loaded_as_it_was_dumped() -> None:
    again = load(dump(File("a.bin", memoryview(b"abc"))))
    assert isinstance(again, File)
    assert (again.name, bytes(again.data)) == ("a.bin", b"abc")


def lie(*values: object, length: int | None = None, body: bytes = b"") -> bytes:
    """Return packed values with a header of our choice."""
    header = json.dumps(values[0] if len(values) == 1 and isinstance(values[0], list) else list(values)).encode()
    size = len(header) if length is None else length
    head = size.to_bytes(8, "little") + header
    return head + bytes(-len(head) % 64) + body


def array(dtype: Any = "<f4", shape: Any = (2,)) -> dict[str, Any]:
    return {"kind": "array", "of": {"type": dtype, "shape": shape}}


def dataset(*variables: Any, attrs: Any = None) -> dict[str, Any]:
    return {"kind": "dataset", "variables": list(variables), "attrs": {} if attrs is None else attrs}


F4 = {"type": "<f4", "shape": [2]}
EIGHT = bytes(8)
WIDE = '[{"kind": "plain"}]'.encode("utf-16")
UTF_16 = len(WIDE).to_bytes(8, "little") + WIDE + bytes(64)
LIES = {
    "nothing": b"",
    "short": b"\x01\x00",
    "length": lie(array(), length=2**63, body=EIGHT),
    "length of all": lie(array(), length=10**6, body=EIGHT),
    "no json": b"\x04" + bytes(7) + b"{{{{" + bytes(64),
    "not utf-8": b"\x04" + bytes(7) + b"\xff\xfe\xfd\xfc" + bytes(64),
    "utf-16": UTF_16,
    "deep": b"\xa0\x86\x01" + bytes(5) + b"[" * 100_000,
    "no list": lie({"a": 1})[:8] + b'{"a": 1}',
    "no value": lie([]),
    "two values": lie(array(), array(), body=bytes(256)),
    "number": lie([7]),
    "kind": lie({"kind": "pickle", "of": F4}, body=EIGHT)[:40],
    "no kind": lie({"of": F4}, body=EIGHT),
    "object": lie(array("|O"), body=bytes(64)),
    "void": lie(array("|V8"), body=bytes(64)),
    "python": lie(array("__import__('os')"), body=bytes(64)),
    "empty texts": lie(array("<U0", [10**15])),
    "huge": lie(array("<f4", [10**18]), body=EIGHT),
    "overflow": lie(array("<f4", [2**32, 2**32, 2**32]), body=EIGHT),
    "negative": lie(array("<f4", [-1, -2]), body=EIGHT),
    "fraction": lie(array("<f4", [1.5]), body=EIGHT),
    "truth": lie(array("<f4", [True, True]), body=EIGHT),
    "shape": lie(array("<f4", "2"), body=EIGHT),
    "no shape": lie(array("<f4", None), body=EIGHT),
    "many dimensions": lie(array("<f4", [1] * 100), body=EIGHT),
    "nothing of much": lie(array("<f4", [0, 2**62, 2**62]), body=EIGHT),
    "longer": lie(array("<f8", [2]), body=EIGHT),
    "bool": lie(array("|b1", [2]), body=b"\x01\x02"),
    "unit": lie(array("<M8[1000000000000ns]", [1]), body=EIGHT),
    "surrogates": lie(array("<U1", [1]), body=b"\x00\xd8\x00\x00"),
    "beyond unicode": lie(array("<U1", [1]), body=b"\xff\xff\xff\xff"),
    "beyond unicode, big": lie(array(">U1", [1]), body=b"\xff\xff\xff\xff"),
    "texts": lie(array("texts", [1]), body=(2**62).to_bytes(8, "little") + bytes(56)),
    "texts, negative": lie(
        array("texts", [2]), body=(2).to_bytes(8, "little") + (-1).to_bytes(8, "little", signed=True) + bytes(112)
    ),
    "texts, not utf-8": lie(array("texts", [1]), body=(1).to_bytes(8, "little") + bytes(56) + b"\xff"),
    "too many texts": lie(array("texts", [2**20 + 1]), body=bytes(2**23 + 64)),
    "too many dates": lie(array("dates", [2**20 + 1]), body=bytes(2**23 + 64)),
    "dates": lie(
        {"kind": "array", "of": {"type": "dates", "shape": [1], "calendar": "mayan", "has_year_zero": True}}, body=EIGHT
    ),
    "no variables": lie({"kind": "dataset"}),
    "variables": lie({"kind": "dataset", "variables": {"a": 1}}),
    "variable": lie(dataset(["a", ["x"], F4]), body=EIGHT),
    "twice": lie(dataset(["a", ["x"], F4, {}, False], ["a", ["x"], F4, {}, False]), body=bytes(128)),
    "dimension twice": lie(dataset(["a", ["x", "x"], {"type": "<f4", "shape": [1, 2]}, {}, False]), body=EIGHT),
    "sizes": lie(
        dataset(["a", ["x"], F4, {}, False], ["b", ["x"], {"type": "<f4", "shape": [1]}, {}, False]), body=bytes(128)
    ),
    "dimensions": lie(dataset(["a", ["x", "y"], F4, {}, False]), body=EIGHT),
    "dimension of its name": lie(
        dataset(["x", ["x", "y"], {"type": "<f4", "shape": [2, 1]}, {}, False], ["a", ["x"], F4, {}, False]),
        body=bytes(128),
    ),
    "attributes": lie(dataset(["a", ["x"], F4, [1, 2], False]), body=EIGHT),
    "no attributes": lie(dataset(["a", ["x"], F4, None, False]), body=EIGHT),
    "attributes of all": lie(dataset(attrs=[["a", 1]])),
    "name": lie(dataset([["a"], ["x"], F4, {}, False]), body=EIGHT),
    "name of a path": lie(dataset(["../../a", ["x"], F4, {}, False]), body=EIGHT),
    "name of a dimension": lie(dataset(["a", ["x/y"], F4, {}, False]), body=EIGHT),
    "name that is none": lie(dataset(["\ud800", ["x"], F4, {}, False]), body=EIGHT),
    "attribute that is none": lie(dataset(attrs={"a": "\ud800"})),
    "long name": lie(dataset(["a" * 300, ["x"], F4, {}, False]), body=EIGHT),
    "itself": lie({"kind": "dataarray", "name": "a", "variables": []}),
    "name of an array": lie(
        {"kind": "dataarray", "name": "a/b", "variables": [["\0", ["x"], F4, {}, False]]}, body=EIGHT
    ),
    "plain": lie({"kind": "plain", "of": {"type": "|u1", "shape": [3]}}, body=b"NaN"),
    "plain, not utf-8": lie({"kind": "plain", "of": {"type": "|u1", "shape": [3]}}, body=b'"\xff"'),
    "file": lie({"kind": "file", "name": "../a", "of": {"type": "|u1", "shape": [3]}}, body=b"abc"),
    "file without a name": lie({"kind": "file", "name": None, "of": {"type": "|u1", "shape": [3]}}, body=b"abc"),
    "file of dots": lie({"kind": "file", "name": "..", "of": {"type": "|u1", "shape": [3]}}, body=b"abc"),
}


@pytest.mark.parametrize("data", LIES.values(), ids=list(LIES))
def test_bytes_that_lie_are_no_value(data: bytes) -> None:
    with pytest.raises(UnfitError):
        load(data)


SOUND = [
    dump(value)
    for value in (
        xr.Dataset({"t": (("x", "y"), np.ones((2, 2))), "s": ("x", ["a", "b"])}, {"x": [1, 2]}, {"a": [1]}),
        xr.DataArray([True], dims="z", name="n"),
        Plain("[1]"),
    )
]


@given(data=st.data())
@settings(max_examples=400, deadline=None)
def test_bytes_that_somebody_changed_are_a_value_or_none(data: st.DataObject) -> None:
    """Nothing else is ever raised, and nothing is believed that would fail later."""
    raw = bytearray(data.draw(st.sampled_from(SOUND)))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        value = load(bytes(raw))
    except ValueError:
        return
    dump(value)
