"""How much memory a server holds while it works, and whether that grows."""

from collections.abc import Sequence
from statistics import median
from threading import Event, Thread
from types import TracebackType
from typing import Self

from benchmarks.failures import RowError
from benchmarks.processes import Running, resident_nbytes
from benchmarks.tally import Tally

MIB = 2**20
GROWTH_NBYTES = 32 * MIB
LOOK_S = 0.5
FEWEST = 16
"""Looks below which nothing can be said."""


def growth_nbytes(looks: Sequence[float]) -> float:
    """Return by how much memory grew after the first quarter of the looks, in which caches fill.

    Medians of the second and of the last quarter are compared: one look may meet a request that holds much.

    >>> growth_nbytes([10, 40, 50, 50, 50, 90, 51, 51])
    1.0
    """
    quarter = len(looks) // 4
    return median(looks[-quarter:]) - median(looks[quarter : 2 * quarter])


class Watch:
    """Looks at the resident memory of all processes of a server until its block ends, and judges it then."""

    def __init__(self, server: Running, tally: Tally) -> None:
        self._server, self._tally = server, tally
        self._looks: list[int] = []
        self._ended = Event()
        self._thread = Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        if error is None:
            judge(self._looks, self._tally)

    def _look(self) -> None:
        while not self._ended.wait(LOOK_S) and self._server.process.poll() is None:
            try:
                self._looks.append(resident_nbytes(self._server.pids()))
            except RowError:  # one of its helpers ended while it was looked at
                continue


def judge(looks: Sequence[int], tally: Tally) -> None:
    """Note how much memory was seen, and count a failure if it grew."""
    if len(looks) < FEWEST:
        tally.skips.append(f"memory: {len(looks)} looks are too few to judge by")
        return
    grown = growth_nbytes(looks)
    verdict = "flat" if grown <= GROWTH_NBYTES else "it grows"
    tally.notes.append(
        f"memory: {verdict}: {grown / MIB:+.1f} MiB from the second quarter to the last, {GROWTH_NBYTES // MIB} are "
        f"allowed; {median(looks[-(len(looks) // 4) :]) / MIB:.0f} MiB in the last, at most {max(looks) / MIB:.0f}"
    )
    if grown > GROWTH_NBYTES:
        tally.failed(f"memory grew by {grown / MIB:.1f} MiB after the first quarter")
