"""The limits of colours: of a sample over time, robust, and cheap for fields of any size."""

from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from cloudify.pictures import limits
from cloudify.pictures.limits import robust, sample


def counted(times: int, cells: int) -> tuple[xr.DataArray, list[int]]:
    """Return a field whose values are the number of their time, and the times that are read of it."""
    read: list[int] = []

    def block(block_id: Any = None) -> Any:
        read.append(block_id[0])
        return np.full((1, cells), float(block_id[0]))

    array = da.map_blocks(block, chunks=((1,) * times, (cells,)), dtype=float, meta=np.empty((0, 0)))
    return xr.DataArray(array, dims=("time", "cell")), read


def test_six_times_are_read_from_the_first_to_the_last() -> None:
    field, read = counted(11, 10)
    values = sample(field, ("time",))
    assert read == [0, 2, 4, 6, 8, 10]
    np.testing.assert_array_equal(values, np.repeat(read, 10))


def test_of_large_fields_fewer_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FIELDS_NBYTES", 2 * 10 * 8)
    field, read = counted(11, 10)
    sample(field, ("time",))
    assert read == [0, 10]
    monkeypatch.setattr(limits, "FIELDS_NBYTES", 1)
    sample(field, ("time",))
    assert read == [0, 10, 0]


def test_two_axes_of_time_do_not_multiply_what_is_read() -> None:
    values = xr.DataArray(np.arange(50.0).reshape(5, 10), dims=("run", "time"))
    np.testing.assert_array_equal(sample(values, ("run", "time")), [0, 9, 40, 49])


def test_a_field_without_time_is_read_whole_and_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SAMPLED", 60)
    values = sample(xr.DataArray([np.nan, *np.arange(119.0)], dims="cell"), ())
    np.testing.assert_array_equal(values, np.arange(11.0, 119, 12))


def test_limits_of_a_map_with_a_middle_are_equally_far_from_it() -> None:
    found = robust(np.linspace(-10, 30, 4001), is_diverging=True)
    assert (found.low, found.high) == pytest.approx((-29.2, 29.2))  # 2 % of 40 below 30
    found = robust(np.linspace(10, 30, 2001), is_diverging=True)
    assert (found.low, found.high) == pytest.approx((10.4, 29.6))
