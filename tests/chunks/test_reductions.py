"""What many chunks need is computed once, kept within its bound, and given up when nobody wants it."""

import gc
import operator
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import dask.array as da
import httpx
import numpy as np
import pytest
import xarray as xr
from dask._task_spec import Task
from dask.sizeof import sizeof
from dask.system import CPU_COUNT

from cloudify import Server
from cloudify.chunks.block import touched
from cloudify.chunks.evaluate import MANY, evaluate, evaluate_many
from cloudify.chunks.lazy import Blocks
from cloudify.chunks.reductions import Reductions
from cloudify.diagnostics import lazy
from cloudify.diagnostics.lazy import lazy_values
from cloudify.model.stop import Stop, StoppedError, stoppable
from cloudify.settings import Settings
from cloudify.testing import running

TIMES = 36
Made = Callable[[xr.DataArray], xr.DataArray]


class Counted:
    """Values of which each block says that it was read."""

    def __init__(self, work: Callable[[int], None] = lambda _: None) -> None:
        self.reads: Counter[tuple[int, ...]] = Counter()
        self._work, self._lock = work, threading.Lock()

    def array(self, times: int = TIMES, x: int = 2) -> xr.DataArray:
        data = da.map_blocks(self._block, chunks=((1,) * times, (3,) * x), dtype="float64", meta=np.empty((0, 0)))
        coords = {"time": xr.date_range("2001-01-01", periods=times, freq="MS")}
        return xr.DataArray(data, dims=("time", "x"), coords=coords)

    def _block(self, block_info: Any = None) -> np.ndarray:
        place = block_info[None]["chunk-location"]
        with self._lock:
            self.reads[place] += 1
        self._work(place[0])
        return np.full((1, 3), 1.5 * place[0] + place[1])


def groups_less_mean(values: xr.DataArray) -> xr.DataArray:
    groups = values.groupby("time.month")
    return groups - groups.mean()


def standardised(values: xr.DataArray) -> xr.DataArray:
    less = values - values.mean("time")
    return less / less.std("time")


def diagnostic(values: xr.DataArray) -> xr.DataArray:
    return values.copy(data=lazy_values(values, np.arange(len(values)) % 2, 2, "anomaly"))


def read_all(array: da.Array, blocks: Blocks) -> np.ndarray:
    out = np.empty(array.shape)
    for index in np.ndindex(*array.numblocks):
        region = tuple(slice(int(axis[i]), int(axis[i + 1])) for axis, i in zip(blocks.edges, index, strict=True))
        keys, mosaic = touched(blocks, region)
        out[region] = mosaic.joined(evaluate(blocks.tasks(keys), keys))
    return out


@pytest.mark.parametrize(
    ("made", "most"),
    [
        (lambda values: values - values.mean("time"), 2),
        (lambda values: values - values.mean(), 2),
        (lambda values: values[:3] - values[:3].mean("time"), 2),
        (groups_less_mean, 2),
        (diagnostic, 2),
        (lambda values: (values - values.mean("time")) / values.std("time"), 3),
        (standardised, 3),
    ],
    ids=["mean", "mean of all", "mean of three", "groups", "diagnostic", "two reductions", "one of another"],
)
def test_each_block_of_the_source_is_read_once_for_a_reduction_and_once_for_itself(made: Made, most: int) -> None:
    counted = Counted()
    array = made(counted.array()).data
    expected = array.compute(scheduler="sync")
    counted.reads.clear()
    blocks = Blocks(array, "v", reductions := Reductions())
    np.testing.assert_array_equal(read_all(array, blocks), expected)
    assert max(counted.reads.values()) <= most
    assert 0 < reductions.nbytes < 2**20


@pytest.mark.parametrize(
    "made",
    [
        lambda values: values + 1,
        lambda values: values.copy(data=values.data.map_overlap(lambda b: b + 1, depth=1, boundary="none")),
        lambda values: values.copy(data=values.data.rechunk((6, 6))) * 2,
        lambda values: values.mean("time"),
    ],
    ids=["elementwise", "neighbours", "rechunked", "a reduction that is the dataset"],
)
def test_what_chunks_do_not_share_is_not_kept(made: Made) -> None:
    array = made(Counted().array()).data
    blocks = Blocks(array, "v", reductions := Reductions())
    read_all(array, blocks)
    assert reductions.nbytes == 0


def test_a_chunk_of_a_diagnostic_keeps_nothing_that_only_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each chunk of the result holds few groups; what is accumulated for them is of no use to others."""
    monkeypatch.setattr(lazy, "CHUNK_NBYTES", 8 * 3)
    values = Counted().array(x=1)
    array = lazy_values(values, np.arange(TIMES) % 4, 4, "mean")
    assert array.numblocks == (4, 1)
    found = read_all(array, Blocks(array, "v", reductions := Reductions()))
    assert found[:, 0].tolist() == [1.5 * (16 + group) for group in range(4)]
    assert reductions.nbytes == 0


def test_the_size_of_what_is_accumulated_is_known() -> None:
    part = lazy.take_in(np.ones((4, 500)), np.array([0, 1, 0, 1]), "mean", None)
    assert 2 * 500 * (8 + 8) <= sizeof(part) <= 1.1 * 2 * 500 * (8 + 8)


def test_threads_that_need_one_reduction_compute_it_once() -> None:
    counted = Counted(lambda _: time.sleep(0.002))
    array = (counted.array() - counted.array().mean("time")).data
    blocks = Blocks(array, "v", Reductions())
    with ThreadPoolExecutor(16) as pool:
        keys = [(array.name, n, 0) for n in range(TIMES)]
        found = list(pool.map(lambda key: evaluate(blocks.tasks([key]), [key])[0], keys))
    np.testing.assert_array_equal(np.concatenate(found)[:, 0], 1.5 * (np.arange(TIMES) - (TIMES - 1) / 2))
    assert set(counted.reads.values()) == {2}


def test_many_tasks_run_in_threads_that_many_share_and_can_be_stopped() -> None:
    """More at once than there are threads."""
    stop = Stop()
    tasks = {n: Task(n, operator.mul, n, 2) for n in range(MANY)}
    before = threading.active_count()
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda n: evaluate_many(tasks, [n, 5]), range(MANY)))
    assert found == [(2 * n, 10) for n in range(MANY)]
    assert threading.active_count() <= before + CPU_COUNT
    stop.ask()
    with stoppable(stop), pytest.raises(StoppedError):
        evaluate_many(tasks, [1])


def test_what_is_kept_is_bounded_and_goes_with_its_dataset(caplog: pytest.LogCaptureFixture) -> None:
    array = (Counted().array() - Counted().array().mean("time")).data
    blocks = Blocks(array, "v", small := Reductions(limit_nbytes=30))  # one mean of three values, not both
    read_all(array, blocks)
    assert small.nbytes == 24
    assert caplog.records == []
    blocks = Blocks(array, "a/v", nothing := Reductions(limit_nbytes=10))
    for _ in range(2):
        blocks.tasks([(array.name, 0, 0)])
    assert nothing.nbytes == 0
    assert len(blocks.too_large) == 1
    assert [record.variable for record in caplog.records] == ["a/v"]  # said once
    kept = Reductions()
    blocks = Blocks(array, "v", kept)
    blocks.tasks([(array.name, 0, 0)])
    assert kept.nbytes > 0
    del blocks
    gc.collect()
    assert kept.nbytes == 0


def test_a_reduction_goes_on_for_those_who_wait_when_who_began_it_leaves() -> None:
    begun, gate = threading.Event(), threading.Event()

    def work(number: int) -> None:
        if number == 0:
            begun.set()
            gate.wait(20)

    counted = Counted(work)
    array = (counted.array(x=1) - counted.array(x=1).mean("time")).data
    blocks = Blocks(array, "v", Reductions())
    stops = [Stop(), Stop()]

    def read(number: int) -> Any:
        with stoppable(stops[number]):
            return evaluate(blocks.tasks([(array.name, 5 + number, 0)]), [(array.name, 5 + number, 0)])

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(read, 0)
        assert begun.wait(20)
        second = pool.submit(read, 1)
        until(lambda: any(flight.waiting for flight in blocks._reductions._under_way.values()))
        stops[0].ask()
        gate.set()
        with pytest.raises(StoppedError):
            first.result(20)
        assert second.result(20)[0].tolist() == [[1.5 * (6 - 17.5)] * 3]
    assert counted.reads[0, 0] == 1


def test_a_reduction_that_nobody_wants_any_more_ends_and_can_be_begun_again() -> None:
    stop = Stop()
    counted = Counted(lambda number: stop.ask() if number == 3 else None)
    array = (counted.array(x=1) - counted.array(x=1).mean("time")).data
    blocks = Blocks(array, "v", Reductions())
    key = (array.name, 5, 0)
    with stoppable(stop), pytest.raises(StoppedError):
        blocks.tasks([key])
    assert sum(counted.reads.values()) < TIMES
    assert blocks._reductions._under_way == {}
    assert evaluate(blocks.tasks([key]), [key])[0].tolist() == [[1.5 * (5 - 17.5)] * 3]


def test_who_waits_is_told_why_a_reduction_failed() -> None:
    begun = threading.Event()

    def work(number: int) -> None:
        if number == 7:
            begun.set()
            time.sleep(0.3)
            raise ValueError("no such block")

    counted = Counted(work)
    array = (counted.array(x=1) - counted.array(x=1).mean("time")).data
    blocks = Blocks(array, "v", Reductions())
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(blocks.tasks, [(array.name, n, 0)]) for n in (1, 2)]
        for future in asked:
            with pytest.raises(ValueError, match="no such block"):
                future.result(20)
    assert counted.reads[7, 0] == 1


def test_a_client_that_leaves_frees_its_work_within_two_seconds() -> None:
    counted = Counted(lambda _: time.sleep(0.05))
    values = counted.array(times=400, x=1)
    ds = xr.Dataset({"v": values - values.mean("time")})
    with running(Server({"a": ds}).app) as url:
        assert httpx.get(f"{url}/datasets/a/zarr/zarr.json").status_code == 200
        with suppress(httpx.ReadTimeout):
            httpx.get(f"{url}/datasets/a/zarr/v/c/0/0", timeout=0.5)
        assert counted.reads
        left_at = time.monotonic()
        seen = -1
        while seen != (seen := sum(counted.reads.values())):
            assert time.monotonic() - left_at < 2
            time.sleep(0.3)
        assert seen < 400


def test_a_reduction_that_cannot_be_kept_is_said_by_check() -> None:
    values = Counted().array()
    app = Server(
        {"a": xr.Dataset({"v": values - values.mean("time")})}, settings=Settings(reduction_cache_nbytes=0)
    ).app
    with running(app) as url:
        assert httpx.get(f"{url}/datasets/a/zarr/v/c/3/0").status_code == 200
        findings = httpx.get(f"{url}/datasets/a/check").json()["findings"]
    found = [finding for finding in findings if "reduction" in finding["reason"]]
    assert [(finding["subject"], finding["verdict"]) for finding in found] == [("v", "limited")]
    assert "reduction_cache_nbytes" in found[0]["fix"]


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
