"""`map` over HTTP against what xarray and numpy alone make of the same blocks; read by whoever reads zarr."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from oracle import functions
from oracle.asking import draw_job
from oracle.compared import check
from oracle.datasets import Case, cases
from oracle.served import SOURCES, Served, serving
from oracle.whole import Expected, Job

import cloudify
from cloudify.client.connect import RemoteServer

DEMO = Path(cloudify.__file__).parent / "demo"

EXAMPLES = (8, 100, 500)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("oracle")) as one:
        yield one


@pytest.mark.timeout(1800)
def test_any_job_gives_every_reader_what_xarray_gives(served: Served, counts: int) -> None:
    many = settings(
        max_examples=EXAMPLES[counts - 1],
        derandomize=counts == 1,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )

    @many
    @given(cases(), st.data())
    def give_the_same(case: Case, data: st.DataObject) -> None:
        dataset, ds = served.put(case)
        job, inputs = draw_job(data, ds, served.chunks_of(dataset))
        expected = job.run().result()
        done = served.run(job.function.__name__, dataset, args=job.args, **inputs)
        out: Any = done.result(60)
        assert (done.slices.total, done.slices.failed) == (sum(1 for _ in job.places()), len(job.args["fails"]))
        for read in (out, *served.readings(done.id)):
            check(read.load(), expected, read.attrs, job.args["fails"])
        for group in served.arrays(done.id):
            check_stored(group, expected)

    give_the_same()


ODD: list[Any] = [
    0, -1, 2**53 + 1, 2**63, -(2**70), 10**300, 1.5, -0.0, 1e308, True, False, "", "a\0b", "größer \N{SNOWMAN}",
    "\U0001f600", "x" * 1000, [], {}, [None, [1, {"a": None}]], {"": 1, "a/b": [1, 2]}, "NaN", "null",
]  # fmt: skip


def test_every_value_of_json_goes_to_a_function_and_comes_back(served: Served) -> None:
    def pair(value: Any, more: Any) -> Any:
        return [value, more]

    values = [*ODD, None]
    out: Any = served.client.map(pair, data=values, args={"more": ODD}).result(60)
    assert out == [[value, ODD] for value in values]
    assert [type(one) for one, _ in out] == [type(value) for value in values]
    assert str(out[values.index(-0.0)][0]) in {"-0.0", "0"}


@pytest.mark.parametrize("count", [1, 2, 16, 17, 100])
def test_results_are_combined_in_the_order_of_their_slices_without_those_that_failed(
    served: Served, count: int
) -> None:
    """Texts, joined: that is associative, and not commutative."""

    def word(number: int) -> str:
        if number % 7 == 3:
            raise ValueError("as it was told")
        return f"<{number}>"

    def joined(a: str, b: str) -> str:
        return a + b

    out: Any = served.client.map(word, data=range(count), combine=joined, on_error="skip").result(60)
    assert out["word"].item() == "".join(f"<{number}>" for number in range(count) if number % 7 != 3)
    assert list(out.attrs.get("cloudify:failed_slices", [])) == [
        number + 1 for number in range(count) if number % 7 == 3
    ]


def test_blocks_of_several_groups_come_together(served: Served, tmp_path: Path) -> None:
    """A coordinate of the root is that of the groups below it."""
    a = xr.Dataset({"a": ("t", np.arange(5))}, {"t": np.arange(5) * 2})
    tos = xr.Dataset({"tos": (("t", "x"), np.arange(10.0).reshape(5, 2))})
    xr.DataTree.from_dict({"/": a, "/ocean": tos}).to_zarr(tmp_path / "tree", zarr_format=3, consolidated=True)
    dataset = served.put_file("tree", "zarr", tmp_path / "tree")
    args = {"name": "tos", "dims": [], "fails": [2]}
    inputs = {"variables": ["ocean/tos", "a"], "chunks": {"t": 2}, "on_error": "skip"}
    out: Any = served.run("same", dataset, args=args, **inputs).result(60)
    job = Job(a.assign(tos=tos["tos"]), ["tos", "a"], {"t": 2, "x": 2}, {}, functions.same, args, 2)
    check(out.load(), job.run().result(), out.attrs, [2])


def test_plain_values_of_blocks_are_a_table_and_bytes_are_files(served: Served) -> None:
    values = np.where(np.arange(35.0).reshape(7, 5) % 3 == 0, np.nan, 1)
    dataset, ds = served.put(Case(xr.Dataset({"v": (("t", "x"), values)}), "zarr3", {}))
    args = {"name": "v", "dims": [], "fails": [2]}
    inputs = {"chunks": {"t": 3}, "args": args, "on_error": "skip"}
    table: Any = served.run("row", dataset, **inputs).result(60)
    assert table.load().to_dict("list")["data_vars"].keys() == {"n", "half", "of", "slice_"}
    assert (table.n.values.tolist(), table.half.values.tolist()) == ([15, 5], [7.5, 2.5])
    assert table.slice.values.tolist() == table.slice_.values.tolist() == [1, 3]
    files: Any = served.run("raw", dataset, **inputs).result(60)
    assert [file.name for file in files] == ["1-raw.bin", "3-raw.bin"]
    there = ds.v.notnull().values
    assert [file.read() for file in files] == [there[:3].tobytes(), there[6:].tobytes()]


def test_on_a_cluster_it_is_the_same(server: RemoteServer) -> None:
    """Jobs over the demo, on Dask; a slice of each fails."""
    ds = xr.open_zarr(DEMO / "mpi-esm-wind.zarr", chunks=None).load()
    for function in (functions.same, functions.both, functions.flipped, functions.spread):
        args = {"name": "vas", "dims": ["lat"], "fails": [3]}
        inputs = {"chunks": {"time": 5, "lat": 50}, "overlap": {"time": 2}, "on_error": "skip", "args": args}
        source = {"source": SOURCES, "entry": function.__name__}
        begun = server.execute("map", {"dataset": "mpi-esm-wind", "function": source, **inputs})
        job = Job(ds, ["uas", "vas"], {"time": 5, "lat": 50, "lon": 192}, {"time": 2}, function, args, 3)
        expected, out = job.run().result(), begun.result(120)
        assert isinstance(out, xr.Dataset)
        check(out.load(), expected, out.attrs, [3])


def check_stored(group: zarr.Group, expected: dict[str, Expected]) -> None:
    """Look at arrays as they are stored: no value that a function may return is declared to be missing."""
    for name, wanted in expected.items():
        array = group[name]
        assert isinstance(array, zarr.Array)
        assert array.shape == wanted.values.shape
        if wanted.chunks is None:
            continue  # of the source
        is_masked = wanted.values.dtype.kind in "fcmM"
        assert array.chunks == wanted.chunks
        if group.metadata.zarr_format == 3:
            assert ("_FillValue" in array.attrs) == is_masked
            assert is_masked or not array.fill_value  # 0, false, no text
        else:
            assert "_FillValue" not in array.attrs
            assert (array.metadata.fill_value is not None) == is_masked
