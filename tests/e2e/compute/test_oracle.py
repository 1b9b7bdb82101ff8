"""`map` over HTTP against what xarray and numpy alone make of the same blocks; read by whoever reads zarr."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zarr
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from oracle.asking import draw_job
from oracle.compared import check
from oracle.datasets import Case, cases
from oracle.served import Served, serving
from oracle.whole import Expected

EXAMPLES = (12, 120, 600)


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
            assert is_masked or array.fill_value in {0, ""}
        else:
            assert "_FillValue" not in array.attrs
            assert (array.metadata.fill_value is not None) == is_masked
