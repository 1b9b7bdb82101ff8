"""How far the slices of a job are that run, as its function says: what of that is written down, and how often."""

from collections.abc import Iterable
from dataclasses import dataclass
from time import monotonic

from cloudify.model.outcome import Share

WRITE_S = 1.0
"""After this it is written down again what the slices of a job say, of all of them at once."""
EVENT_S = 2.0
"""After this there is another event of a slice: one that takes no longer leaves none."""
EVENT_PERMILLE = 50
"""What it has to gain for that, in thousandths: however long it takes, it leaves no more than twenty."""


@dataclass(slots=True)
class _Slice:
    attempt: int
    permille: int | None
    """None where it begins anew."""
    told_permille: int
    """Of its last event, 0 without one."""
    told: float
    """When that was, else when it was first heard of; in monotonic time."""

    @property
    def is_further(self) -> bool:
        """Whether it has gained enough for another event."""
        return self.permille is not None and self.permille >= self.told_permille + EVENT_PERMILLE


class Shares:
    """Those of one job. Belongs to the engine's thread."""

    def __init__(self) -> None:
        self._slices: dict[int, _Slice] = {}
        self._changed: set[int] = set()
        self._write_at = 0.0
        """In monotonic time."""

    def hear(self, number: int, attempt: int, fraction: float) -> None:
        """Take how much of a slice is done, from 0 to 1."""
        permille, known = int(1000 * fraction), self._slices.get(number)
        if known is None or known.permille is None or known.attempt != attempt:
            self._slices[number] = _Slice(attempt, permille, 0, monotonic())
        elif known.permille == permille:
            return
        else:
            known.permille = permille
        self._changed.add(number)

    def begin_anew(self, numbers: Iterable[int]) -> None:
        """Take note that slices run again: nothing of them is done."""
        for number in numbers:
            if number in self._slices:
                self._slices[number].permille = None
                self._changed.add(number)

    def forget(self, numbers: Iterable[int]) -> None:
        """Take note that slices do not run any more, and that the store knows that."""
        for number in numbers:
            self._slices.pop(number, None)
            self._changed.discard(number)

    def due(self) -> tuple[Share, ...]:
        """Return what is to be written down now; the same again until it is `written`."""
        now = monotonic()
        if not self._changed or now < self._write_at:
            return ()
        return tuple(self._share(number, self._slices[number], now) for number in sorted(self._changed))

    def written(self, shares: Iterable[Share]) -> None:
        """Take note that the store has what was due."""
        now = monotonic()
        self._write_at = now + WRITE_S
        for share in shares:
            known = self._slices[share.number]
            if share.permille is None:
                self.forget([share.number])
                continue
            if share.is_event:
                known.told_permille, known.told = share.permille, now
            if not known.is_further:  # else it is due again, for an event: its function may say nothing more for long
                self._changed.discard(share.number)

    @staticmethod
    def _share(number: int, known: _Slice, now: float) -> Share:
        is_event = known.is_further and now >= known.told + EVENT_S
        return Share(number, known.attempt, known.permille, is_event=is_event)
