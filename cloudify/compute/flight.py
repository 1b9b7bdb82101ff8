"""A job that the engine runs: which slices are next, how many at a time, and which are under way."""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING

from cloudify.compute.batch import Report, Work
from cloudify.compute.shares import Shares

if TYPE_CHECKING:
    from concurrent.futures import Future

BATCH_S = 0.1
"""How long a batch is to take: fifty times what a task costs a Dask scheduler."""
MOST_ITEMS = 512
LEASE_S = 20.0
"""After this without a word of a batch that runs, it is lost with its worker: ten times `beats.BEAT_S`."""
GRACE_S = 120.0
"""What a batch may take longer than one slice may, though its worker lives: a dataset opens, values are read."""
QUEUED_S = 900.0
"""What a batch may wait before it begins, besides: whoever has it will not run it. A scheduler sees to its workers
itself, and long before that."""
SPARED = 3
"""How often a slice whose worker died before it was heard to have begun is not blamed."""

Numbered = tuple[int, int]
"""A slice and its attempt."""


@dataclass(slots=True)
class UnderWay:
    """A batch that was submitted."""

    slices: tuple[Numbered, ...]
    landing: "Future[Report]"
    since: float
    """When it was submitted, then when it began; in monotonic time of this process, as the next."""
    heard: float | None = None
    """When it was heard of last; None: it has not begun."""
    worker: str = ""
    """Where it runs."""


@dataclass(slots=True)
class Flight:
    """One job on its way. Belongs to the engine's thread."""

    work: Work
    highest: int
    """Highest number that was ever leased."""
    total: int
    again: deque[Numbered] = field(default_factory=deque)
    """Slices that were leased before and are to run."""
    under_way: dict[str, UnderWay] = field(default_factory=dict)
    """By the id of the batch."""
    item_s: float | None = None
    """How long a slice takes, as far as it is known."""
    is_assembling: bool = False
    full_since: float | None = None
    """Since when there is no room for what it makes, in monotonic time, as the next."""
    resume_at: float = 0.0
    """Nothing of it is begun before."""
    spared: Counter[int] = field(default_factory=Counter)
    """How often a slice was not blamed for the end of its worker."""
    shares: Shares = field(default_factory=Shares)
    """How far those are that run."""

    @property
    def knows_template(self) -> bool:
        """Whether it is known what results look like, so that slices may run side by side."""
        return self.work.template is not None or self.work.combine is not None

    @property
    def is_idle(self) -> bool:
        """Whether none of its slices runs or is to run."""
        return not self.under_way and not self.again and self.highest >= self.total

    def take(self, slots: int) -> tuple[Numbered, ...]:
        """Return the slices of the next batch, none if none is to be begun now; each that is suspected runs alone."""
        if not self.knows_template and self.under_way:
            return ()
        left = self.total - self.highest
        if self.again and (self.is_suspected(self.again[0]) or not self.knows_template):
            return (self.again.popleft(),)
        size = self._size(left + len(self.again), slots)
        taken: list[Numbered] = []
        while self.again and len(taken) < size and not self.is_suspected(self.again[0]):
            taken.append(self.again.popleft())
        fresh = min(size - len(taken), left)
        taken += [(self.highest + 1 + i, 1) for i in range(fresh)]
        self.highest += fresh
        return tuple(taken)

    def is_suspected(self, slice_: Numbered) -> bool:
        """Whether a worker died that had it: it may be why."""
        number, attempt = slice_
        return attempt > 1 or self.spared[number] > 0

    def begin(self, batch: str, slices: tuple[Numbered, ...], landing: "Future[Report]") -> None:
        """Note that a batch was submitted."""
        self.under_way[batch] = UnderWay(slices, landing, monotonic())

    def hear(self, batch: str) -> UnderWay:
        """Note that a batch under way runs: its lease begins anew."""
        way, now = self.under_way[batch], monotonic()
        way.since = now if way.heard is None else way.since
        way.heard = now
        return way

    def note(self, elapsed_s: float, count: int) -> None:
        """Learn how long a slice takes."""
        if count:
            each = elapsed_s / count
            self.item_s = each if self.item_s is None else 0.7 * self.item_s + 0.3 * each

    def give_back(self, slices: Iterable[Numbered]) -> None:
        """Have slices run again, from their beginning."""
        back = list(slices)
        self.again.extend(back)
        self.shares.begin_anew(number for number, _ in back)

    def blamed(self, way: UnderWay) -> Sequence[Numbered]:
        """Return the slices of a batch whose worker died that may be why; the others run again as if nothing was.

        Whoever has not begun is not why. But what one is heard of comes after it, and the end may come between.
        """
        self.spared.update(number for number, _ in way.slices if way.heard is None)
        blamed = [each for each in way.slices if way.heard is not None or self.spared[each[0]] > SPARED]
        self.give_back(each for each in way.slices if each not in blamed)
        return blamed

    def overdue(self) -> list[str]:
        """Return the batches of which nothing is to be expected any more."""
        now = monotonic()
        return [batch for batch, way in self.under_way.items() if self._is_overdue(way, now)]

    def _is_overdue(self, way: UnderWay, now: float) -> bool:
        if way.heard is None:
            return now > way.since + self.work.wall_s + QUEUED_S
        return now > way.heard + LEASE_S or now > way.since + self.work.wall_s + GRACE_S

    def _size(self, left: int, slots: int) -> int:
        if self.item_s is None or not self.knows_template:
            return 1
        fair = ceil(left / (4 * slots))  # the last ones end at about the same time
        return max(1, min(ceil(BATCH_S / max(self.item_s, 1e-6)), fair, MOST_ITEMS))
