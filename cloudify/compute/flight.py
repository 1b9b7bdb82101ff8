"""A job that the engine runs: which slices are next, how many at a time, and which are under way."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import ceil
from time import monotonic

from cloudify.compute.batch import Work

BATCH_S = 0.1
"""How long a batch is to take: fifty times what a task costs a Dask scheduler."""
MOST_ITEMS = 512
GRACE_S = 30.0
"""What a batch may take longer than its slices before it is given up: a worker starts, a dataset opens."""

Numbered = tuple[int, int]
"""A slice and its attempt."""


@dataclass(slots=True)
class UnderWay:
    """A batch that was submitted."""

    slices: tuple[Numbered, ...]
    deadline: float
    """In monotonic time of this process."""


@dataclass(slots=True)
class Flight:
    """One job on its way. Belongs to the engine's thread."""

    work: Work
    highest: int
    """Highest number that was ever leased."""
    total: int
    again: deque[Numbered] = field(default_factory=deque)
    """Slices that were leased before and are to run."""
    under_way: dict[int, UnderWay] = field(default_factory=dict)
    """By the number of the batch."""
    item_s: float | None = None
    """How long a slice takes, as far as it is known."""
    is_assembling: bool = False
    full_since: float | None = None
    """Since when there is no room for what it makes, in monotonic time."""

    @property
    def knows_template(self) -> bool:
        """Whether it is known what results look like, so that slices may run side by side."""
        return self.work.template is not None or self.work.combine is not None

    def take(self, slots: int) -> tuple[Numbered, ...]:
        """Return the slices of the next batch, none if none is to be begun now.

        Of those that were tried before each runs alone: which of a batch took its worker with it nobody knows.
        """
        if not self.knows_template and self.under_way:
            return ()
        left = self.total - self.highest
        if self.again and (self.again[0][1] > 1 or not self.knows_template):
            return (self.again.popleft(),)
        size = self._size(left + len(self.again), slots)
        taken: list[Numbered] = []
        while self.again and len(taken) < size and self.again[0][1] == 1:
            taken.append(self.again.popleft())
        fresh = min(size - len(taken), left)
        taken += [(self.highest + 1 + i, 1) for i in range(fresh)]
        self.highest += fresh
        return tuple(taken)

    def begin(self, batch: int, slices: tuple[Numbered, ...]) -> None:
        """Note that a batch is under way."""
        self.under_way[batch] = UnderWay(slices, monotonic() + len(slices) * BATCH_S + self.work.wall_s + GRACE_S)

    def note(self, elapsed_s: float, count: int) -> None:
        """Learn how long a slice takes."""
        if count:
            each = elapsed_s / count
            self.item_s = each if self.item_s is None else 0.7 * self.item_s + 0.3 * each

    def give_back(self, slices: Iterable[Numbered]) -> None:
        """Have slices run again."""
        self.again.extend(slices)

    def overdue(self) -> list[int]:
        """Return the batches that should have come back."""
        now = monotonic()
        return [batch for batch, way in self.under_way.items() if way.deadline < now]

    def _size(self, left: int, slots: int) -> int:
        if self.item_s is None or not self.knows_template:
            return 1
        fair = ceil(left / (4 * slots))  # the last ones end at about the same time
        return max(1, min(ceil(BATCH_S / max(self.item_s, 1e-6)), fair, MOST_ITEMS))
