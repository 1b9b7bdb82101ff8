"""Clients that close their connection before they are answered: what was begun for them ends."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import httpx
import numpy as np
import pytest
import xarray as xr

from cloudify import Server
from cloudify.settings import Settings
from cloudify.testing import running

BLOCKS = 400
BLOCK_S = 0.02


def until(holds: Callable[[], Any], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def slow(computed: list[int]) -> xr.Dataset:
    """A variable of which each block takes a while, and is too large for two to be read at once."""

    def block(part: np.ndarray) -> np.ndarray:
        computed.append(1)
        time.sleep(BLOCK_S)
        return part

    cells = 2**21
    values = da.zeros((BLOCKS, cells), chunks=(1, cells)).map_blocks(block, dtype="f8", meta=np.empty((0, 0)))
    return xr.Dataset({"t": (("time", "x"), values)}, {"time": np.arange(BLOCKS) // BLOCKS})


def test_a_diagnostic_ends_when_the_last_who_waits_for_it_leaves() -> None:
    computed: list[int] = []
    settings = Settings(max_diagnostic_nbytes=2**40)
    with running(Server({"slow": slow(computed)}, settings=settings).app) as url:
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{url}/datasets/slow/groupby/t/time/mean?f=nc", timeout=5 * BLOCK_S)
        until(lambda: computed)
        time.sleep(0.5)  # by then it has been told
        seen = len(computed)
        time.sleep(20 * BLOCK_S)
        assert len(computed) == seen < BLOCKS / 2


def test_a_diagnostic_that_takes_too_long_ends_with_the_reason() -> None:
    computed: list[int] = []
    settings = Settings(max_diagnostic_nbytes=2**40, diagnostic_timeout_s=0.2)
    with running(Server({"slow": slow(computed)}, settings=settings).app) as url:
        answer = httpx.get(f"{url}/datasets/slow/groupby/t/time/mean?f=nc", timeout=30)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:cloudify:problems/too-slow")
        assert "not computed within 0.2 s" in answer.json()["detail"]
    assert len(computed) < BLOCKS / 2


def test_a_file_that_nobody_waits_for_is_not_written_on_and_leaves_nothing(tmp_path: Path) -> None:
    computed: list[int] = []
    settings = Settings(max_subset_nbytes=2**40, data_dir=tmp_path)
    with running(Server({"slow": slow(computed)}, settings=settings).app) as url:
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{url}/datasets/slow/subset.nc", timeout=5 * BLOCK_S)
        until(lambda: computed)
        until(lambda: not list((tmp_path / "subsets").iterdir()), 30)
        seen = len(computed)
        time.sleep(20 * BLOCK_S)
        assert len(computed) == seen < BLOCKS / 2


def test_a_file_that_takes_too_long_is_refused_with_the_reason(tmp_path: Path) -> None:
    computed: list[int] = []
    settings = Settings(max_subset_nbytes=2**40, diagnostic_timeout_s=0.2, data_dir=tmp_path)
    with running(Server({"slow": slow(computed)}, settings=settings).app) as url:
        answer = httpx.get(f"{url}/datasets/slow/subset.nc", timeout=30)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:cloudify:problems/too-slow")
    assert not list((tmp_path / "subsets").iterdir())
    assert len(computed) < BLOCKS / 2
