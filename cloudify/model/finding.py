"""What a check found out."""

from dataclasses import asdict, dataclass
from typing import Literal

Verdict = Literal["works", "limited", "fails"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one endpoint can do with one part of a dataset."""

    endpoint: str
    """Which family of routes, e.g. ``zarr``."""
    subject: str
    """A variable, or ``""`` for the dataset as a whole."""
    verdict: Verdict
    """`limited`: it works, and somebody will be unhappy."""
    reason: str
    """What is true."""
    fix: str = ""
    """What the owner of the data can do; empty where nothing need be done."""

    def as_dict(self) -> dict[str, str]:
        """Return the finding as JSON has it."""
        return asdict(self)
