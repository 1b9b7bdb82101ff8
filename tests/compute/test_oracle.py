"""`map` without an engine around it, against what xarray and numpy alone make of the same blocks."""

from itertools import count
from pathlib import Path

import pytest
import xarray as xr
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from oracle.asking import draw_job
from oracle.compared import check
from oracle.datasets import Case, cases, kept
from oracle.quick import run

from cloudify.datasets.open import open_entry
from cloudify.datasets.opened import Opened
from cloudify.model.entry import Entry

EXAMPLES = (60, 600, 3000)
NUMBERS = count()


@pytest.mark.timeout(1200)
def test_any_job_over_any_dataset_gives_what_xarray_gives(tmp_path: Path, counts: int) -> None:
    many = settings(
        max_examples=EXAMPLES[counts - 1],
        derandomize=counts == 1,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )

    @many
    @given(cases(), st.data())
    def give_the_same(case: Case, data: st.DataObject) -> None:
        opened, ds = _opened(case, tmp_path / str(next(NUMBERS)))
        job, inputs = draw_job(data, ds)
        expected = job.run().result()
        out = run(opened, job.function, job.args, tmp_path / "blobs", **inputs)
        check(out.load(), expected, out.attrs, job.args["fails"])

    give_the_same()


def _opened(case: Case, path: Path) -> tuple[Opened, xr.Dataset]:
    """Return a dataset as the server has it, and as xarray alone opens it."""
    if case.kind == "object":
        return Opened(Entry("made", driver="object", href=""), "object-1", {"/": case.ds}, stored=False), case.ds
    driver, ds = kept(case, path)
    return open_entry(Entry("made", driver, str(path)), timeout_s=10), ds
