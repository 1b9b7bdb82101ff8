"""What a shelf knows of one entry."""

from dataclasses import dataclass, field
from threading import Lock

from cloudify.datasets.opened import Opened
from cloudify.datasets.token import Mark, glance
from cloudify.model.entry import Entry


@dataclass(slots=True)
class Place:
    """What the shelf knows of one entry."""

    entry: Entry
    lock: Lock = field(default_factory=Lock)
    """Held while opening: one opens, the others wait for it."""
    checked_at: float = 0.0
    failure: str = ""
    """Why the last attempt to open it failed."""
    failed_at: float = 0.0
    looked: tuple[tuple[int, int, int], ...] = ()
    """What the source looked like then (`glance`)."""
    seen_ns: int = 0
    """The newest modification time that a reader met below a directory."""
    is_cheap: bool = False
    """Whether the token of what is open may be asked for at every request."""
    is_folder: bool = False
    """Whether what is open is a folder of this machine."""
    marked: tuple[Opened | None, Mark] = (None, ())
    """What is open, and its source's mark when it was last found unchanged."""

    @property
    def failure_stands(self) -> bool:
        """Whether the source still is what could not be opened."""
        return bool(self.failure) and glance(self.entry) == self.looked
