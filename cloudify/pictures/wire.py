"""Drawings and pictures between processes: a JSON header and the raw bytes of arrays, and no more than that.

A frame is the length of its header as four bytes, the header, and a body whose length the header gives.
"""

import json
import socket
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from math import prod
from struct import Struct
from threading import main_thread
from time import monotonic
from typing import Any

import numpy as np

from cloudify.pictures.drawing import Caption, Drawing, HistDrawing, LineDrawing, MapDrawing
from cloudify.pictures.sheet import MAX_TEXT
from cloudify.pictures.view import Array, View

Json = Any
CLASSES: dict[str, Any] = {cls.__name__: cls for cls in (MapDrawing, LineDrawing, HistDrawing, View, Caption)}
MAX_HEADER_NBYTES = 2**22
MAX_BODY_NBYTES = 2**28
POLL_S = 0.25
_LENGTH = Struct("!I")


class EndedError(Exception):
    """The other process has ended, or this one is about to."""


def pack(drawing: Drawing) -> tuple[Json, list[Array]]:
    """Return a drawing as JSON, and its arrays in the order in which the JSON has their shapes."""
    arrays: list[Array] = []

    def plain(value: Any) -> Json:  # noqa: ANN401  # whatever a drawing holds
        if isinstance(value, np.ndarray):
            arrays.append(np.ascontiguousarray(value))
            return {"array": True, "dtype": value.dtype.str, "shape": value.shape}
        if isinstance(value, tuple):
            return [plain(part) for part in value]
        if is_dataclass(value):
            return {"class": type(value).__name__, **{f.name: plain(getattr(value, f.name)) for f in fields(value)}}
        if isinstance(value, str):
            return value[:MAX_TEXT]
        return value.item() if isinstance(value, np.generic) else value

    return plain(drawing), arrays


def unpack(value: Json, body: memoryview) -> Any:  # noqa: ANN401  # a drawing, in the end
    """Make a drawing of what `pack` returned; `body` holds the arrays one after the other."""
    start = 0

    def restored(value: Json) -> Any:  # noqa: ANN401
        nonlocal start
        if isinstance(value, list):
            return tuple(restored(part) for part in value)
        if not isinstance(value, dict):
            return value
        if "array" in value:
            array = np.frombuffer(body, np.dtype(value["dtype"]), prod(value["shape"]), start)
            start += array.nbytes
            return array.reshape(value["shape"])
        return CLASSES[value["class"]](**{name: restored(part) for name, part in value.items() if name != "class"})

    return restored(value)


class Channel:
    """A connection to another process. For one thread at a time.

    Parameters
    ----------
    poll_s
        How often time limits are looked at, and whether this process is about to end; None: never.
    """

    def __init__(self, sock: socket.socket, poll_s: float | None = POLL_S) -> None:
        self._sock = sock
        self._sock.settimeout(poll_s)

    def send(self, header: Json, body: Sequence[Array | bytes] = (), *, end: float | None = None) -> None:
        """Send a frame; `end` is when that must be done, in seconds of `time.monotonic`.

        Raises
        ------
        TimeoutError
            If the other does not take it in time.
        EndedError
            If it has ended.
        """
        parts = [_bytes_of(part) for part in body]
        text = json.dumps({"content": header, "nbytes": sum(part.nbytes for part in parts)}).encode()
        for part in (memoryview(_LENGTH.pack(len(text)) + text), *parts):
            self._send(part, end)

    def receive(self, *, end: float | None = None) -> tuple[Json, bytes]:
        """Receive a frame; `end` is when it must be here.

        Raises
        ------
        TimeoutError
            If it does not come in time.
        EndedError
            If the other has ended.
        """
        (length,) = _LENGTH.unpack(self._receive(_LENGTH.size, end))
        if length > MAX_HEADER_NBYTES:
            raise EndedError("no frame of ours")
        header = json.loads(bytes(self._receive(length, end)))
        if header["nbytes"] > MAX_BODY_NBYTES:
            raise EndedError("no frame of ours")
        return header["content"], bytes(self._receive(header["nbytes"], end))

    def close(self) -> None:
        """Close it; the other sees the end."""
        self._sock.close()

    def _send(self, data: memoryview, end: float | None) -> None:
        while data:
            try:
                data = data[self._sock.send(data) :]
            except TimeoutError:
                _look(end)
            except OSError as error:
                raise EndedError("the other process has ended") from error

    def _receive(self, nbytes: int, end: float | None) -> bytearray:
        data = bytearray(nbytes)
        rest = memoryview(data)
        while rest:
            try:
                count = self._sock.recv_into(rest)
            except TimeoutError:
                _look(end)
                continue
            except OSError as error:
                raise EndedError("the other process has ended") from error
            if not count:
                raise EndedError("the other process has ended")
            rest = rest[count:]
        return data


def _bytes_of(part: Array | bytes) -> memoryview:
    return memoryview(part) if isinstance(part, bytes) else part.reshape(-1).view(np.uint8).data


def _look(end: float | None) -> None:
    if not main_thread().is_alive():  # the interpreter waits for this thread so that it can end
        raise EndedError("this process is about to end")
    if end is not None and monotonic() > end:
        raise TimeoutError
