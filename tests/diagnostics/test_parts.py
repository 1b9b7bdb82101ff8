"""Blocks of parts of variables, against numpy's own selection of the whole."""

from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudify.diagnostics import parts as module
from cloudify.diagnostics.parts import block_shape, blocks
from cloudify.model.stop import Stop, StoppedError, stoppable

SHAPE = (7, 11, 13)
WHOLE = np.arange(np.prod(SHAPE)).reshape(SHAPE)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_blocks_put_together_are_the_part_that_was_asked_for(data: st.DataObject) -> None:
    along = {}
    for dim, size in zip("abc", SHAPE, strict=True):
        if data.draw(st.booleans()):
            places = st.lists(st.integers(0, size - 1), min_size=1, max_size=size, unique=data.draw(st.booleans()))
            along[dim] = np.array(data.draw(places))
    chunks = dict(zip("abc", (data.draw(st.integers(1, size)) for size in SHAPE), strict=True))
    variable = xr.Variable(
        tuple("abc"), WHOLE, encoding={"preferred_chunks": chunks} if data.draw(st.booleans()) else {}
    )
    if data.draw(st.booleans()):
        variable = variable.chunk(chunks)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK_NBYTES", data.draw(st.integers(8, 10_000)))
        patch.setattr(module, "MOST_NBYTES", data.draw(st.integers(8, 10_000)))
        expected = WHOLE[np.ix_(*(along.get(dim, np.arange(size)) for dim, size in zip("abc", SHAPE, strict=True)))]
        made = np.full(expected.shape, -1)
        for where, values in blocks(variable, along):
            assert np.all(made[where] == -1)  # each place once
            made[where] = values
    np.testing.assert_array_equal(made, expected)


@given(
    st.lists(st.tuples(st.integers(1, 500), st.integers(1, 500)), min_size=1, max_size=4),
    st.integers(1, 10**6),
    st.integers(1, 10**6),
)
def test_a_block_is_never_larger_than_the_most(sizes: list[tuple[int, int]], aim: int, most: int) -> None:
    shape, chunk = zip(*sizes, strict=True)
    steps = block_shape(shape, chunk, 1, aim, most)
    assert np.prod(steps) <= max(aim, most)
    assert all(1 <= step <= size for step, size in zip(steps, shape, strict=True))


def test_reading_stops_between_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK_NBYTES", 8)
    stop, seen = Stop(), []

    def read() -> None:
        for where, _ in blocks(xr.Variable(tuple("abc"), WHOLE), {}):
            seen.append(where)
            stop.ask()

    with stoppable(stop), pytest.raises(StoppedError):
        read()
    assert len(seen) == 1


def test_a_whole_dimension_of_a_billion_places_needs_no_list_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Any] = []

    class Huge(xr.Variable):
        def to_numpy(self) -> Any:
            read.append(self.shape)
            return np.zeros(1, np.int8)

    monkeypatch.setattr(module, "BLOCK_NBYTES", 2**28)
    huge = Huge("x", np.broadcast_to(np.int8(1), (2**30,)))
    assert len(list(blocks(huge, {}))) == 4
    assert read == [(2**28,)] * 4
