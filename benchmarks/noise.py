"""Stores of noise: chunks of a known size, each with other bytes."""

from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import zarr
from zarr.codecs import ZstdCodec

NAME = "noise"


@dataclass(frozen=True, slots=True)
class Noise:
    """A zarr v3 store with one variable ``tas`` of normal noise with one decimal, about 0.28 of it left by zstd."""

    shape: tuple[int, int, int]
    """Chunks, rows, columns: each step of time is a chunk."""

    @property
    def chunk(self) -> tuple[int, int, int]:
        """Shape of a chunk."""
        return (1, *self.shape[1:])

    @property
    def nbytes(self) -> int:
        """Decoded bytes of a chunk."""
        return prod(self.chunk) * 4

    @property
    def keys(self) -> list[str]:
        """Keys of all chunks."""
        return [f"tas/c/{i}/0/0" for i in range(self.shape[0])]

    def paths(self, kind: str = "zarr") -> list[str]:
        """Paths of all chunks on a server."""
        return [f"/datasets/{NAME}/{kind}/{key}" for key in self.keys]

    def write(self, folder: Path) -> Path:
        """Write the store below a folder; return its path, whose name is ``noise.zarr``."""
        store = folder / f"{NAME}.zarr"
        rng = np.random.default_rng(1)
        group = zarr.create_group(store, zarr_format=3)
        array = group.create_array(
            "tas",
            shape=self.shape, chunks=self.chunk, dtype="float32",
            compressors=ZstdCodec(level=1), dimension_names=("time", "lat", "lon"),
        )  # fmt: skip
        for i in range(self.shape[0]):
            array[i] = (280 + rng.standard_normal(self.shape[1:])).round(1).astype("float32")
        return store


SMALL = Noise((64, 256, 254))
"""Chunks of 260 kB, about 74 kB as zstd."""
LARGE = Noise((12, 1250, 2550))
"""Chunks of 12.8 MB, about 3.6 MB as zstd."""
