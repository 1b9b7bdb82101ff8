"""The events of a job, as they come: server-sent events, each of them once, over as many connections as it takes."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic, sleep

from cloudify.client.session import Session
from cloudify.client.status import Status, mapping, number, text
from cloudify.errors import ServerBusyError, UnreachableError
from cloudify.model.job import TERMINAL

SILENCE_S = 35.0
"""A stream that is silent for longer is lost: the server says something every 10 s."""
PATIENCE_S = 120.0
"""How long a server may be away."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a job."""

    seq: int | None
    """Grows within the job, with gaps; None of one that is told without."""
    time: str
    """ISO 8601, UTC."""
    type: str
    slice: int | None
    """Which slice it is about."""
    payload: object
    is_emitted: bool = False
    """Whether the function said it (`cloudify.slice.emit`), not the server."""

    @property
    def is_last(self) -> bool:
        """Whether nothing comes after it."""
        return self.type in TERMINAL and not self.is_emitted


def follow(session: Session, path: str, after: int) -> Iterator[Event]:
    """Yield the events of the job at `path` that come after one, to its end; connect again where a connection is lost.

    Raises
    ------
    UnreachableError
        If nobody answers for two minutes.
    ServerSaysError
        If the server refuses, or has no such job any more.
    """
    pause_s, answered, has_ended = FIRST_PAUSE_S, monotonic(), False
    while True:
        before = after
        try:
            for event in _stream(session, f"{path}/events", after):
                if event.seq is not None:
                    if event.seq <= after:
                        continue
                    after = event.seq
                answered, pause_s = monotonic(), FIRST_PAUSE_S
                yield event
                if event.is_last:
                    return
            if has_ended and after == before:
                return
            answered, has_ended = monotonic(), Status.of(session.read(path)).is_terminal
        except (UnreachableError, ServerBusyError):
            if monotonic() - answered > PATIENCE_S:
                raise
        sleep(pause_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def _stream(session: Session, path: str, after: int) -> Iterator[Event]:
    """Yield what comes over one connection."""
    headers = {"accept": "text/event-stream", "accept-encoding": "identity", "cache-control": "no-store"}
    if after:
        headers["last-event-id"] = str(after)
    with session.stream(path, headers, silence_s=SILENCE_S) as answer:
        yield from (event for told in _blocks(answer.iter_raw()) if (event := _read(told)))


def _blocks(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the data of each whole event (HTML standard, 9.2.6); a cut one is as if it had not come."""
    rest, data = b"", list[bytes]()
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            name, _, value = line.rstrip(b"\r").partition(b":")
            if name == b"data":
                data.append(value.removeprefix(b" "))
            elif not line.rstrip(b"\r") and data:
                yield b"\n".join(data)
                data = []


def _read(told: bytes) -> Event | None:
    try:
        said = mapping(json.loads(told))
    except (ValueError, RecursionError):
        return None
    seq, about = said.get("seq"), said.get("slice")
    return Event(
        seq=seq if isinstance(seq, int) else None,
        time=text(said.get("time")),
        type=text(said.get("type")),
        slice=int(number(about)) if about is not None else None,
        payload=said.get("payload"),
        is_emitted=said.get("emitted") is True,
    )
