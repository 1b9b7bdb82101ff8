"""Frames between a process that runs functions and the one that started it: a length in four bytes, and JSON."""

import json
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

FRAME_NBYTES = 2**20
"""Longest frame."""
LENGTH_NBYTES = 4
READ_NBYTES = 2**16
PAYLOAD_NBYTES = 2**16
"""Of one event."""
MOST_EMITTED = 1000
"""Events of one run."""
TYPE = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")
"""What a type of event may be: it stands on a line of its own."""
PROGRESS_S, BURST_S = 0.1, 1.0
"""Time between two reports of progress on average, and for how long there may be more: what is said last before a
function is silent for long is not the one that is left out."""

Frame = dict[str, Any]


def _refused(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_refused)


def encode(frame: Frame) -> bytes:
    """Return a frame as it travels."""
    text = json.dumps(frame).encode()
    return len(text).to_bytes(LENGTH_NBYTES, "big") + text


class Pace:
    """How often something may be sent: each so often on average, several at once after a while of nothing."""

    def __init__(self, each_s: float, burst_s: float) -> None:
        self._each_s, self._burst_s = each_s, burst_s
        self._due = 0.0

    def is_due(self) -> bool:
        """Whether it may be now; counts it if so."""
        now = monotonic()
        if now < self._due:
            return False
        self._due = max(self._due, now - self._burst_s) + self._each_s
        return True


class Frames:
    """Frames out of what was read, as it comes."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that are complete with this.

        Raises
        ------
        ValueError, RecursionError
            If these are no frames.
        """
        self._data += data
        frames = []
        while len(self._data) >= LENGTH_NBYTES:
            end = LENGTH_NBYTES + int.from_bytes(self._data[:LENGTH_NBYTES], "big")
            if end > LENGTH_NBYTES + FRAME_NBYTES:
                raise ValueError("a frame is said to be too long")
            if len(self._data) < end:
                break
            frame = _DECODER.decode(self._data[LENGTH_NBYTES:end].decode())
            if not isinstance(frame, dict):
                raise ValueError("a frame is no object")  # noqa: TRY004  # of who sent it
            frames.append(frame)
            del self._data[:end]
        return frames


class Channel:
    """The inner end, which takes the place of standard input and output. Many threads may send."""

    def __init__(self) -> None:
        self._reads, self._writes = os.dup(0), os.dup(1)
        with Path(os.devnull).open() as nothing:
            os.dup2(nothing.fileno(), 0)
        os.dup2(2, 1)  # what a function prints is no frame
        self._lock = threading.Lock()

    def send(self, frame: Frame) -> None:
        """Send a frame."""
        data = encode(frame)
        with self._lock:
            while data:
                data = data[os.write(self._writes, data) :]

    def receive(self) -> Iterator[Frame]:
        """Yield frames until the other end is closed."""
        frames = Frames()
        while data := os.read(self._reads, READ_NBYTES):
            yield from frames.feed(data)
