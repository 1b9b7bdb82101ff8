"""How long chunks of a lazy variable take in this process."""

SLOW_S = 0.1
"""Time of a chunk from which on a cluster pays: sending one there and back takes about that long."""
FIRST = 3
"""Chunks that are measured. The quickest of them counts: others may have waited for the processor."""


class Pace:
    """The times of the first chunks of one variable. Safe to use from many threads.

    >>> pace = Pace()
    >>> pace.note(4.0); pace.note(0.2); pace.note(0.3)
    >>> pace.is_slow
    True
    """

    def __init__(self) -> None:
        self._times_s: list[float] = []

    @property
    def is_slow(self) -> bool:
        """Whether a cluster would pay."""
        return len(self._times_s) >= FIRST and min(self._times_s[:FIRST]) > SLOW_S

    def note(self, time_s: float) -> None:
        """Take note of the time of a chunk, without that of reductions."""
        if len(self._times_s) < FIRST:
            self._times_s.append(time_s)
