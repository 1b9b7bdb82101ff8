"""The stored chunks of one array, passed on under ``/zarr`` as they are: both formats say how to read them.

A chunk is decoded when it is first read, to see that it can be, and not encoded again. One that cannot be passed on is
read like any other chunk, which either gives its elements or says what is wrong with it.
"""

from typing import Protocol, runtime_checkable
from zlib import crc32

import numpy as np

from cloudify.chunks.codec import Codec
from cloudify.chunks.encode import Block, encode_chunk
from cloudify.chunks.keyed_grid import KeyedGrid, keyed_grid
from cloudify.chunks.sound import Sound, elements, is_sound
from cloudify.chunks.stored_codec import EncodedAnewError, check_grid, codec_of_v2, codec_of_v3
from cloudify.chunks.stored_type import StoredType
from cloudify.datasets.store import StoredZarr
from cloudify.model.chunkgrid import ChunkGrid

KEPT_NBYTES = 2**16
"""Largest chunk of fill values that is kept; one that is larger is not compressed, and made in no time."""
AT_HAND_NBYTES = 2**20
"""Largest chunk that is read without a thread: that takes a quarter of a millisecond, as long as handing it over."""
_sound = Sound()


@runtime_checkable
class HasAtHand(Protocol):
    """Objects of which some can be read without waiting."""

    def at_hand(self, key: str, *, limit_nbytes: int) -> bytes | None:
        """Return such an object, None for any other or one that is larger. Never blocks, never raises."""
        ...


class PassedChunks:
    """Stored chunks of an array. Safe to use from many threads."""

    def __init__(self, grid: KeyedGrid, codec: Codec, stored: StoredType, source: StoredZarr) -> None:
        self.grid, self.codec = grid, codec
        self._stored, self._source = stored, source
        self._at_hand = source.objects.at_hand if isinstance(source.objects, HasAtHand) else None
        self._never_written: bytes | None = None

    @classmethod
    def of(
        cls, path: str, source: StoredZarr, stored: StoredType, served: ChunkGrid, wanted: Codec | None
    ) -> "PassedChunks":
        """Return the stored chunks of the array at `path`.

        Parameters
        ----------
        stored, served
            The type of its elements and its chunks as they are served.
        wanted
            The codec of its catalog, None where that names none.

        Raises
        ------
        EncodedAnewError
            If they cannot be passed on.
        """
        documents = source.documents
        if path not in documents.arrays:
            raise EncodedAnewError("it is not stored under its name")
        if not source.is_raw:
            raise EncodedAnewError("its catalog's `options` say how it is read")
        grid = keyed_grid(documents, path)
        if documents.zarr_format == 2:  # noqa: PLR2004
            codec = codec_of_v2(documents.nodes[f"{path}/.zarray"], stored)
        else:
            codec = codec_of_v3(documents.nodes[path], stored)
        check_grid(grid.grid, served)
        if wanted is not None and wanted.name != codec.name:
            raise EncodedAnewError(f"its codec is {codec.name!r} and its catalog wants {wanted.name!r}")
        return cls(grid, codec, stored, source)

    def read(self, index: tuple[int, ...], tag: str) -> bytes | None:
        """Return a chunk, one that was never written too; None for one that cannot be passed on as it is.

        Blocks; raises what the source raises.

        Parameters
        ----------
        tag
            Tells this array at its version from all others.
        """
        data = self._source.objects.read(self.grid.key(index), limit_nbytes=self.grid.limit_nbytes)
        if data is None:
            return self._fill_chunk()
        checksum = crc32(data)
        if checksum == _sound.checksum((tag, index)):
            return data
        if not is_sound(data, self.codec, self._stored, self.grid.grid):
            return None
        _sound.add((tag, index), checksum)
        return data

    def elements(self, index: tuple[int, ...]) -> Block | None:
        """Return the elements of a chunk, read-only; None for one that was never written, or is not sound.

        Not of text. Blocks; raises what the source raises.
        """
        data = self._source.objects.read(self.grid.key(index), limit_nbytes=self.grid.limit_nbytes)
        return None if data is None else elements(data, self.codec, self._stored, self.grid.grid)

    def at_hand(self, index: tuple[int, ...], tag: str) -> bytes | None:
        """Return a chunk that was found sound before, if it can be read without waiting; never raises."""
        checksum = _sound.checksum((tag, index)) if self._at_hand is not None else None
        if self._at_hand is None or checksum is None:
            return None
        data = self._at_hand(self.grid.key(index), limit_nbytes=AT_HAND_NBYTES)
        return data if data is not None and crc32(data) == checksum else None

    def _fill_chunk(self) -> bytes:
        """Return a chunk that was never written as it would be stored. Two threads may make it; they make the same."""
        if self._never_written is not None:
            return self._never_written
        fill = self._source.fill(self.grid.path)
        block = np.full(self.grid.grid.chunk, fill, dtype=self._stored.dtype)
        data = encode_chunk(block, stored=self._stored, grid=self.grid.grid, padding=fill, codec=self.codec)
        if len(data) <= KEPT_NBYTES:
            self._never_written = data
        return data
