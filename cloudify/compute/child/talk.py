"""One run of a function: what is said to its process, and what is heard of it."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import Literal, TypeAlias

from cloudify.compute.child.inside.arrays import UnfitError
from cloudify.compute.child.inside.channel import (
    BURST_S,
    MOST_EMITTED,
    PAYLOAD_NBYTES,
    PROGRESS_S,
    TYPE,
    Frame,
    Pace,
)
from cloudify.compute.child.inside.packing import Plain
from cloudify.compute.child.judge import plain_text
from cloudify.compute.child.log import clean
from cloudify.compute.child.process import Order, Process
from cloudify.compute.child.returned import BrokenError, Progress, Returned, SliceFailedError, Value
from cloudify.model.job import Failure, Usage
from cloudify.model.outcome import Emitted

Role: TypeAlias = Literal["main", "combine"]
Input: TypeAlias = Value | Returned | str | tuple[Value | Returned, Value | Returned]
OnEmitted: TypeAlias = Callable[[Sequence[Emitted | Progress]], None]

_TOLD = ("user-error", "memory-limit", "disk-limit", "invalid-result", "result-too-large")
"""Reasons that a process knows itself."""
_HARMLESS = ("user-error", "result-too-large")
"""Of those, the ones after which it goes on."""
_MOST_NBYTES = 2.0**50
_PROCESSORS = os.cpu_count() or 1


class Talk:
    """One run. Used once."""

    def __init__(self, process: Process, order: Order, on_emitted: OnEmitted) -> None:
        self._process, self._order, self._on_emitted = process, order, on_emitted
        self._emitted: list[Emitted] = []
        self._pace = Pace(PROGRESS_S / 2, BURST_S)  # whoever is as quick as ours is heard
        self._began, self._cpu_before_s = monotonic(), process.cpu_s()
        self._end = self._began + order.limits.wall_s
        self._usage = Usage()
        self.is_sound = False
        """Whether the process may run on: not before it has answered as it should."""

    def run(self, value: Input, frame: Frame, args: str, role: Role) -> Returned:
        """Have a function run over a value, as `Child.run`."""
        try:
            if not self._process.is_loaded:
                self._ask(frame | {"op": "load"}, self._order.values(), "loaded")
                self._process.is_loaded = True
            entry = self._order.functions[role].entry
            given = [Plain(args if role == "main" else "{}"), *_values(value)]
            nbytes = self._ask(frame | {"op": "run", "role": role, "entry": entry}, given, "done").get("nbytes")
            returned = self._process.take(nbytes)
        except BrokenError as error:
            raise self._failed(error.failure) from None
        except UnfitError as error:
            raise self._failed(Failure("invalid-result", f"{entry}(): {error}")) from None
        self.is_sound = True
        log, is_cut = self._process.log.take()
        return Returned(returned, self._usage, tuple(self._emitted), log, is_cut)

    def _ask(self, frame: Frame, values: Iterable[object], expected: str) -> Frame:
        """Send a frame and return the answer; what the function says meanwhile is told."""
        try:
            nbytes = self._process.put(values)
        except UnfitError as error:
            self.is_sound = self._process.is_loaded  # it was not told of anything
            raise BrokenError("source-failed", f"the block cannot be handed to a function: {error}") from None
        self._process.tell(frame | {"nbytes": nbytes})
        self._usage = Usage(nbytes_in=nbytes)
        while True:
            heard = self._process.hear(self._end)
            said = [one for one in map(self._understood, heard) if one is not None]
            if said:
                self._on_emitted(said)
            answers = [one for one in heard if one.get("op") not in ("emit", "progress")]
            if answers:
                return self._answer(answers[0], expected)

    def _answer(self, frame: Frame, expected: str) -> Frame:
        self._usage = self._measured(frame)
        if frame.get("op") == expected:
            return frame
        reason, message, trace = (frame.get(name) for name in ("reason", "message", "traceback"))
        if (
            frame.get("op") != "failed"
            or reason not in _TOLD
            or not isinstance(message, str)
            or not isinstance(trace, str)
        ):
            raise BrokenError("invalid-result", "the process of the function answered as none of ours does")
        self.is_sound = reason in _HARMLESS and expected == "done"
        raise self._failed(Failure(reason, clean(message), clean(trace)))

    def _understood(self, frame: Frame) -> Emitted | Progress | None:
        """Return what a frame says that the function said."""
        if frame.get("op") == "progress":
            return self._progress(frame.get("fraction"))
        return self._event(frame.get("type"), frame.get("payload")) if frame.get("op") == "emit" else None

    def _progress(self, fraction: object) -> Progress | None:
        if fraction is not None and not (isinstance(fraction, (int, float)) and 0 <= fraction <= 1):
            raise BrokenError("invalid-result", "the process of the function told of a progress that is none")
        return Progress(time.time(), fraction) if self._pace.is_due() else None

    def _event(self, kind: object, payload: object) -> Emitted:
        if not isinstance(kind, str) or not TYPE.fullmatch(kind) or not isinstance(payload, str):
            raise BrokenError("invalid-result", "the process of the function told of an event that is none")
        if len(self._emitted) >= MOST_EMITTED:
            raise BrokenError("invalid-result", f"the process of the function told of more than {MOST_EMITTED} events")
        try:
            text = plain_text(payload, PAYLOAD_NBYTES)
        except UnfitError as error:
            raise BrokenError("invalid-result", f"the payload of an event: {error}") from None
        self._emitted.append(Emitted(len(self._emitted), time.time(), kind, text))
        return self._emitted[-1]

    def _failed(self, failure: Failure) -> SliceFailedError:
        log, is_cut = self._process.log.take()
        usage = self._measured({}) if self._usage.cpu_s == 0 else self._usage
        return SliceFailedError(failure, usage, tuple(self._emitted), log, log_is_cut=is_cut)

    def _measured(self, frame: Frame) -> Usage:
        """Return what was used: our own measures, and as far as it is possible what the process says."""
        most_s = (monotonic() - self._began) * _PROCESSORS
        return Usage(
            max(self._process.cpu_s() - self._cpu_before_s, _number(frame.get("cpu_s"), most_s)),
            int(max(self._process.peak_nbytes, _number(frame.get("peak_nbytes"), _MOST_NBYTES))),
            self._usage.nbytes_in,
            int(_number(frame.get("nbytes"), _MOST_NBYTES)),
        )


def _number(value: object, most: float) -> float:
    """Return a number that somebody claims, between nothing and what can be."""
    if not isinstance(value, (int, float)) or not value > 0:
        return 0
    return min(most, value)  # an integer may be too large for a float


def _values(value: Input) -> Sequence[Value]:
    if isinstance(value, str):
        return [Plain(value)]
    several = value if isinstance(value, tuple) else (value,)
    return [one.value if isinstance(one, Returned) else one for one in several]
