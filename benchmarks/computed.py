"""Rows ``computed-chunk`` and ``computed-growth``: chunks of a group-by anomaly, in this process."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import xarray as xr
import zarr
from zarr.codecs import ZstdCodec

from benchmarks.calls import compare_calls
from benchmarks.failures import RowError
from benchmarks.rows import Effort, Outcome, Row, Target
from cloudify.chunks.codec import Codec
from cloudify.chunks.hierarchy import Chunk, Hierarchy

CHUNK = (1, 256, 254)
ASKED = 32
"""Chunks that are asked for in turn, and the only ones that are written: the others are fill values nobody reads."""
FEW, USUAL, MANY = 100, 500, 100_000
BY_HAND, OURS = "numpy and zarr by hand", "cloudify"
CODEC = Codec("zstd")
FIELD = "260 kB of float32 a chunk, a day each, minus the mean of its month, which is in memory; zstd"
Values = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)  # without slots: cached_property needs a place
class Anomaly:
    """Daily values in a zarr store, and their monthly means."""

    store: Path
    days: int

    @classmethod
    def write(cls, store: Path, days: int) -> "Anomaly":
        """Write the chunks that will be asked for."""
        made = cls(store, days)
        array = zarr.create_group(store, zarr_format=3).create_array(
            "t",
            shape=(days, *CHUNK[1:]), chunks=CHUNK, dtype="float32",
            compressors=ZstdCodec(level=1), dimension_names=("time", "lat", "lon"),
        )  # fmt: skip
        rng = np.random.default_rng(2)
        for day in made.asked:
            array[day] = (280 + rng.standard_normal(CHUNK[1:])).round(1).astype("float32")
        return made

    @property
    def asked(self) -> list[int]:
        """Days whose chunks are asked for."""
        return [int(day) for day in np.linspace(0, self.days - 1, ASKED)]

    @cached_property
    def means(self) -> Values:
        """The mean of each month."""
        return (280 + np.random.default_rng(3).standard_normal((12, *CHUNK[1:]))).astype("float32")

    @cached_property
    def times(self) -> xr.DataArray:
        """The day of each chunk."""
        return xr.DataArray(xr.date_range("1850-01-01", periods=self.days), dims="time")

    def ours(self) -> Callable[[int], bytes]:
        """Return how the chunk of a day is had from what cloudify serves."""
        ds = xr.open_dataset(self.store, engine="zarr", chunks={}, consolidated=False).assign_coords(time=self.times)
        means = xr.DataArray(self.means, dims=("month", "lat", "lon"), coords={"month": np.arange(1, 13)})
        hierarchy = Hierarchy.build(
            {"/": ds.groupby("time.month") - means},
            token=self.store.name, codec=CODEC, stored=False, chunk_nbytes=2**21, max_chunk_nbytes=2**28,
        )  # fmt: skip

        def read(day: int) -> bytes:
            chunk = hierarchy.find(f"t/c/{day}/0/0")
            if not isinstance(chunk, Chunk):
                raise RowError("a chunk is a document")
            return chunk.read()

        return read

    def by_hand(self) -> Callable[[int], bytes]:
        """Return the least that the chunk of a day costs."""
        array = zarr.open_array(self.store, path="t", mode="r")
        months = self.times.dt.month.to_numpy() - 1
        return lambda day: CODEC.compress(np.asarray(array[day : day + 1]) - self.means[months[day]])

    def in_turn(self, read: Callable[[int], bytes]) -> Callable[[], bytes]:
        """Return a call that has one chunk after the other, each checked once before."""
        by_hand = self.by_hand()
        if any(read(day) != by_hand(day) for day in self.asked):
            raise RowError("the chunk by hand has other bytes")
        days = cycle(self.asked)
        return lambda: read(next(days))


def chunk(effort: Effort) -> Outcome:
    """Compare a chunk with what it costs by hand."""
    with TemporaryDirectory(prefix="cloudify-bench-") as folder:
        anomaly = Anomaly.write(Path(folder) / "usual.zarr", USUAL)
        figures = compare_calls(
            {BY_HAND: (anomaly.in_turn(anomaly.by_hand()), 1), OURS: (anomaly.in_turn(anomaly.ours()), 1)},
            effort,
            limit=BY_HAND,
        )
    return Outcome(f"{FIELD}; one of {ASKED} of {USUAL} chunks in turn, nothing kept", figures)


def growth(effort: Effort) -> Outcome:
    """Compare a chunk among many with one among few."""
    with TemporaryDirectory(prefix="cloudify-bench-") as folder:
        peers: dict[str, tuple[Callable[[], object], int]] = {}
        for days in (FEW, MANY):
            anomaly = Anomaly.write(Path(folder) / f"{days}.zarr", days)
            peers[among(days)] = (anomaly.in_turn(anomaly.ours()), 1)
        figures = compare_calls(peers, effort, limit=among(FEW))
    return Outcome(f"{FIELD}; one of {ASKED} chunks in turn, each read once before", figures)


def among(chunks: int) -> str:
    """Name a peer."""
    return f"cloudify, one of {chunks:,} chunks"


CHUNK_ROW = Row(BY_HAND, chunk, {OURS: Target(cpu=1.3)})
GROWTH_ROW = Row(among(FEW), growth, {among(MANY): Target(cpu=1.2)})
