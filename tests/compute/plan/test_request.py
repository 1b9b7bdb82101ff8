"""The inputs of map: what each may be, and what is said when it is something else."""

import json
from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudify.compute.cells import Axis
from cloudify.compute.plan import Plan
from cloudify.compute.pools import Pool, SliceLimits
from cloudify.compute.request import INPUTS, MapRequest, read_map
from cloudify.errors import BadInputError, UnknownPoolError
from cloudify.model.function import Function

FUNCTION = {"source": "def f(block):\n    return block\n", "entry": "f"}
DATASET = {"dataset": "mpi-esm-wind", "function": FUNCTION}
DATA = {"data": [1], "function": FUNCTION}
DEEP: Any = 1
for _ in range(100):
    DEEP = [DEEP]


def test_everything_that_can_be_given_is_read_and_comes_back_from_json() -> None:
    binary = {"base64": b64encode(b"\0\xff").decode()}
    request = read_map(
        {
            "dataset": "era5", "variables": ["t2m", "ocean/tos"], "chunks": {"time": 12, "lat": -1},
            "overlap": {"time": 2}, "function": FUNCTION | {"files": {"a/codes.csv": "1;größer", "b.bin": binary}},
            "args": {"b": [1, None, {"x": "y"}], "a": 2.5}, "combine": {"source": "def add(a, b): ...", "entry": "add"},
            "pool": "default", "limits": {"wall": 10, "memory": 2**20}, "on_error": "skip",
            "template": {"kind": "table"},
        },
        is_open=True,
    )  # fmt: skip
    assert request.function == Function(
        FUNCTION["source"], "f", {"a/codes.csv": "1;größer".encode(), "b.bin": b"\0\xff"}
    )
    assert request.combine == Function("def add(a, b): ...", "add")
    assert request.args == '{"b":[1,null,{"x":"y"}],"a":2.5}'  # members in the order of who asks
    assert (request.chunks, request.overlap) == ({"time": 12, "lat": -1}, {"time": 2})
    assert request.limits == SliceLimits(10.0, 2**20)
    assert (request.on_error, request.is_open, request.name) == ("skip", True, "f")
    assert MapRequest.from_json(request.to_json()) == request


def test_what_is_left_out_is_what_the_interface_says() -> None:
    request = read_map(DATASET)
    assert request == MapRequest(SliceLimits(60.0, 2**29), Function(FUNCTION["source"], "f"), dataset="mpi-esm-wind")
    assert MapRequest.from_json(request.to_json()) == request


def test_data_are_kept_as_compact_json_apart_from_the_request() -> None:
    request = read_map({"function": FUNCTION, "data": [1, "ü", {"b": 1, "a": [None, True]}, 1.0]})
    assert request.data == ("1", '"ü"', '{"b":1,"a":[null,true]}', "1.0")
    assert MapRequest.from_json(request.to_json()).data == ()


def test_a_deployed_process_stands_for_its_function() -> None:
    request = read_map({"dataset": "x", "function": {"process": "windspeed"}})
    assert (request.process, request.function, request.name) == ("windspeed", None, "windspeed")
    assert MapRequest.from_json(request.to_json()) == request
    known = request.with_function(Function("def g(b): ...", "g"), '{"k":2}')
    assert (known.process, known.name, known.args) == (None, "g", '{"k":2}')


def test_the_source_is_looked_at_by_whoever_can() -> None:
    seen = []
    read_map(DATASET | {"combine": {"source": "x", "entry": "y"}}, check_source=lambda *given: seen.append(given))
    assert seen == [(FUNCTION["source"], "f"), ("x", "y")]


WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "an input nobody knows": (DATASET | {"chunk": {}}, "chunk", "did you mean 'chunks'"),
    "neither dataset nor data": ({"function": FUNCTION}, "dataset", "it is missing"),
    "both": (DATASET | {"data": [1]}, "dataset", "not both"),
    "a dataset that is no text": (DATASET | {"dataset": 7}, "dataset", "expected a text, not the number 7"),
    "a dataset that leaves its folder": (DATASET | {"dataset": "../etc"}, "dataset", "cannot be the id"),
    "a dataset with half a character": (DATASET | {"dataset": "\ud800"}, "dataset", "not Unicode"),
    "data that are no list": (DATA | {"data": {"a": 1}}, "data", "expected a list"),
    "no data": (DATA | {"data": []}, "data", "it is empty"),
    "data with NaN": (DATA | {"data": [1, float("nan")]}, "data[1]", "NaN"),
    "data that are deep": (DATA | {"data": [DEEP]}, "data[0]", "deeper than 64 levels"),
    "variables of data": (DATA | {"variables": ["a"]}, "variables", "belongs to a dataset"),
    "chunks of data": (DATA | {"chunks": {"a": 1}}, "chunks", "belongs to a dataset"),
    "no variable": (DATASET | {"variables": []}, "variables", "expected a list of names"),
    "a variable twice": (DATASET | {"variables": ["a", "b", "a"]}, "variables", "'a' is named twice"),
    "a variable that is a number": (DATASET | {"variables": [1]}, "variables", "expected a text"),
    "no function": ({"dataset": "x"}, "function", "it is missing"),
    "a function that is text": (DATASET | {"function": "def f"}, "function", "expected a JSON object, not a text"),
    "no entry": (DATASET | {"function": {"source": ""}}, "function", "it has no 'entry'"),
    "no source": (DATASET | {"function": {"entry": "f"}}, "function", "it has no 'source'"),
    "a source that is a list": (DATASET | {"function": FUNCTION | {"source": []}}, "function.source", "an empty list"),
    "a long source": (DATASET | {"function": FUNCTION | {"source": "x" * 10**6}}, "function.source", "the most"),
    "a member nobody knows": (DATASET | {"function": FUNCTION | {"code": 1}}, "function", "no member 'code'"),
    "a process and a source": (DATASET | {"function": FUNCTION | {"process": "p"}}, "function", "beside"),
    "a process that cannot be": (DATASET | {"function": {"process": "a/b"}}, "function.process", "cannot be the id"),
    "args that are a list": (DATASET | {"args": [1]}, "args", "expected a JSON object, not a list"),
    "args with infinity": (DATASET | {"args": {"x": float("inf")}}, "args", "NaN and the infinities"),
    "args that are large": (DATASET | {"args": {"x": "y" * 300_000}}, "args", "the most is 262144"),
    "chunks of nothing": (DATASET | {"chunks": {"time": 0}}, "chunks", "'time': a block has one element at least"),
    "chunks below nothing": (DATASET | {"chunks": {"time": -2}}, "chunks", "a whole number from -1 on"),
    "chunks that are a fraction": (DATASET | {"chunks": {"time": 2.0}}, "chunks", "a whole number"),
    "chunks that are true": (DATASET | {"chunks": {"time": True}}, "chunks", "a whole number"),
    "chunks that are a list": (DATASET | {"chunks": [1, 2]}, "chunks", "expected a JSON object"),
    "overlap below nothing": (DATASET | {"overlap": {"time": -1}}, "overlap", "a whole number from 0 on"),
    "combine by a process": (DATASET | {"combine": {"process": "p"}}, "combine", "no member 'process'"),
    "limits above the pool's": (DATASET | {"limits": {"wall": 61}}, "limits.wall", "more than the pool's 60"),
    "limits of nothing": (DATASET | {"limits": {"memory": 0}}, "limits.memory", "above 0"),
    "limits that are not a number": (DATASET | {"limits": {"wall": float("nan")}}, "limits.wall", "above 0"),
    "limits nobody knows": (DATASET | {"limits": {"cpu": 1}}, "limits", "no member 'cpu'"),
    "on_error": (DATASET | {"on_error": "ignore"}, "on_error", 'expected "stop"'),
    "a template that is text": (DATASET | {"template": "table"}, "template", "expected a JSON object"),
    "a pool that is a number": (DATASET | {"pool": 1}, "pool", "expected a text"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_is_said_with_the_name_of_the_input(what: str) -> None:
    inputs, name, said = WRONG[what]
    with pytest.raises(BadInputError) as caught:
        read_map(inputs)
    assert caught.value.name == name
    assert str(caught.value).startswith(f"input {name!r}: ")
    assert said in str(caught.value)


PATHS = (
    "/etc/passwd",
    "../x",
    "a/../b",
    "a/./b",
    "a//b",
    "",
    ".",
    "a/",
    "C:\\x",
    "a\0b",
    "a\nb",
    "x" * 300,
    "a\u202eb",
)


@pytest.mark.parametrize("path", PATHS, ids=repr)
def test_no_file_lies_outside_the_folder_of_the_function(path: str) -> None:
    with pytest.raises(BadInputError, match="files"):
        read_map(DATASET | {"function": FUNCTION | {"files": {path: "x"}}})


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({str(n): "" for n in range(65)}, "65 files; the most is 64"),
        ({"a": "x" * 2**20, "b": "y"}, "1048577 bytes in all"),
        ({"a": "x", "a/b": "y"}, "'a' is a file and, for 'a/b', a folder"),
        ({"a": {"base64": "?"}}, "its base64 cannot be read"),
        ({"a": {"base64": "YQ==", "mode": 1}}, "expected a text, or"),
        ({"a": 5}, "expected a text, or"),
        ({"a": "\udc80"}, "not Unicode"),
    ],
    ids=str,
)
def test_files_that_cannot_be_are_refused(files: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInputError, match=r"function\.files") as caught:
        read_map(DATASET | {"function": FUNCTION | {"files": files}})
    assert said in str(caught.value)


def test_a_pool_nobody_knows_is_named_with_those_there_are() -> None:
    pools = {name: Pool(name, SliceLimits(5, 10)) for name in ("default", "gpu")}
    with pytest.raises(UnknownPoolError, match="no pool 'gpux'; did you mean 'gpu'"):
        read_map(DATASET | {"pool": "gpux"}, pools=pools)
    assert read_map(DATASET | {"pool": "gpu"}, pools=pools).limits == SliceLimits(5.0, 10)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(base=st.sampled_from([DATASET, DATA]), name=st.sampled_from(INPUTS), value=json_values)
def test_anything_else_is_a_failure_that_was_foreseen(base: dict[str, Any], name: str, value: Any) -> None:
    """And whatever passes comes back from JSON."""
    try:
        request = read_map(base | {name: value})
    except (BadInputError, UnknownPoolError) as error:
        said = str(error)
        assert name in said or name == "pool" or "dataset" in said  # any of them is right
        return
    again = MapRequest.from_json(request.to_json())
    assert again == replace(request, data=None if request.data is None else ())


REGIONS = {
    '{"time": [5, 7]}': 'a part of the cell {"time": [4, 8], "x": [0, 4]}',
    '{"time": [2, 9]}': 'reaches from {"time": [0, 4], "x": [0, 4]} to {"time": [8, 10], "x": [0, 4]}',
    "{}": "reaches from",
    '{"time": [4, 8], "depth": [0, 1]}': "'depth' is no dimension that is cut; those are: time, x",
    '{"time": [8, 12]}': "within [0, 10]",
    '{"time": [4, 4]}': "within [0, 10]",
    '{"time": "4:8"}': "expected the first position",
    '{"time": [4.0, 8]}': "expected the first position",
}


@pytest.mark.parametrize("region", REGIONS)
def test_a_region_that_is_no_cell_is_told_the_cell_it_lies_in(region: str) -> None:
    plan = Plan((Axis("time", 10, 4), Axis("x", 4, 4)), ("v",), 2)
    assert plan.number_of({"time": [4, 8]}) == 2
    with pytest.raises(BadInputError, match="regions") as caught:
        plan.number_of(json.loads(region))
    assert REGIONS[region] in str(caught.value)
