"""Looks at random answers while a server is under load: whether their bytes are what they should be."""

from collections import Counter
from collections.abc import Sequence
from random import Random
from threading import Event, Thread
from time import monotonic
from types import TracebackType
from typing import Self

from benchmarks.classes import Keys
from benchmarks.tally import Tally
from benchmarks.wire import Answer, Request, Wire, WireError

PAUSE_S = 0.01
"""Between two looks: the load is to take the machine's time, not this."""
BUSY = 503


class Sampler:
    """Asks for random keys of each class in a thread of its own, until its block ends.

    Parameters
    ----------
    may_be_busy
        Class -> the type of problem that its 503 may have.
    """

    def __init__(
        self, url: str, classes: Sequence[Keys], tally: Tally, *, seed: int, may_be_busy: dict[str, str]
    ) -> None:
        self._url, self._classes, self._tally, self._may_be_busy = url, classes, tally, may_be_busy
        self._random = Random(seed)  # noqa: S311  # to be repeated, not to be secret
        self._ended = Event()
        self._thread = Thread(target=self._look)
        self.equal: Counter[str] = Counter()
        """How many answers had the right bytes, by class."""
        self._longest_s = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        if error is None:
            self._judge()

    def _look(self) -> None:
        with Wire(self._url) as wire:
            while not self._ended.wait(PAUSE_S):
                keys = self._random.choice(self._classes)
                path = self._random.choice(keys.paths)
                begun = monotonic()
                try:
                    answer = wire.ask(Request("GET", path))
                except WireError as error:
                    self._tally.answered(f"sampled {keys.name} none")
                    self._tally.failed(f"GET {path}: {error}")
                    continue
                self._longest_s = max(self._longest_s, monotonic() - begun)
                self._tally.answered(f"sampled {keys.name} {answer.status}")
                self._compare(keys, path, answer)

    def _compare(self, keys: Keys, path: str, answer: Answer) -> None:
        if answer.status == BUSY and f"problems/{self._may_be_busy.get(keys.name)}".encode() in answer.body:
            if not answer.headers.get("retry-after", "").isdecimal():
                self._tally.failed(f"GET {path}: 503 without Retry-After")
        elif answer.status != keys.status:
            self._tally.failed(f"GET {path}: {answer.status} {answer.body[:200]!r}")
        elif not keys.is_right(path, answer.body):
            self._tally.failed(f"GET {path}: other bytes than there should be")
        else:
            self.equal[keys.name] += 1

    def _judge(self) -> None:
        self._tally.notes.append(
            f"{self.equal.total()} sampled bodies had the right bytes, each within {self._longest_s:.1f} s"
        )
        for keys in self._classes:
            if not self.equal[keys.name]:
                self._tally.failed(f"no {keys.name} answer was sampled that had its bytes")
