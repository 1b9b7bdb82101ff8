"""What somebody who waits for a job is told, in words: pure, so that a test can read it."""

from collections import deque
from dataclasses import dataclass

from cloudify.client.status import Status

LATELY_S = 30.0
"""The rate is that of the last half a minute: it shows what is, not what was."""
WIDEST_BAR, NARROWEST_BAR = 30, 5
EIGHTHS = " ▏▎▍▌▋▊▉█"
MINUTE_S, HOUR_S = 60, 3600


@dataclass(frozen=True, slots=True)
class View:
    """A job at one moment, as somebody sees it who waits."""

    status: Status
    elapsed_s: float
    """Since the waiting began."""
    rate: float | None = None
    """Slices settled in a second, lately; None where nothing is known of it."""
    trouble: str = ""
    """Why there is no newer news."""

    @property
    def fraction(self) -> float:
        """How much of what is planned so far is settled, from 0 to 1."""
        slices = self.status.slices
        return min(1.0, slices.settled / slices.total) if slices.total else 0.0

    @property
    def percent(self) -> int:
        """The same in whole percent; 100 only if all are."""
        slices = self.status.slices
        return min(100, 100 * slices.settled // slices.total) if slices.total else 0

    @property
    def left_s(self) -> float | None:
        """How long the rest takes at this rate; None where nobody can tell."""
        slices = self.status.slices
        if not self.rate or self.status.is_open:
            return None
        return max(0, slices.total - slices.settled) / self.rate


class Pace:
    """How fast slices come."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def rate(self, at: float, settled: int) -> float | None:
        """Note how many are settled by now, and return how many are in a second.

        >>> pace = Pace()
        >>> pace.rate(0.0, 10), pace.rate(2.0, 30)
        (None, 10.0)
        """
        self._seen.append((at, settled))
        while at - self._seen[0][0] > LATELY_S and len(self._seen) > 2:  # noqa: PLR2004  # a rate needs two
            self._seen.popleft()
        began, before = self._seen[0]
        return (settled - before) / (at - began) if at > began and settled > before else None


def running_line(view: View, width: int, *, plain: bool = False) -> str:
    """Return one line of at most `width` characters: what fits, the most important first, and a bar if there is room.

    Parameters
    ----------
    plain
        Draw the bar in ASCII.
    """
    state, *words = _words(view)
    while words and len("  ".join([state, *words])) > width:
        words.pop()
    room = min(WIDEST_BAR, width - len("  ".join([state, *words])) - len("  ||"))
    if room >= NARROWEST_BAR and state == "running" and view.status.slices.total:
        words.insert(0, _bar(view.fraction, room, plain=plain))
    return "  ".join([state, *words])[:width]


def last_line(view: View) -> str:
    """Return what became of the job, in one line."""
    status, took = view.status, duration(view.elapsed_s)
    slices = status.slices
    counted = f"{slices.settled}/{slices.total} slices"
    if status.state == "failed":
        reason = str(status.failure()).partition("\n")[0]
        return f"{reason}  ({counted}, after {took})"
    besides = [f"{slices.reused} reused"] * bool(slices.reused) + [f"{slices.failed} failed"] * bool(slices.failed)
    return "  ".join([f"job {status.id} {status.state}", counted, took, *besides])


def step_line(view: View) -> str:
    """Return one line for a log: how far the job is."""
    return f"job {view.status.id} {told(view)}"


def told(view: View) -> str:
    """Return how far a running job is, in words without a bar."""
    return "  ".join(_words(view))


def printable(text: str, also: str = "") -> str:
    """Return a text that does nothing to a terminal but be shown, whatever a function put into it.

    >>> printable("red: " + chr(27) + "[31m!")
    'red:  [31m!'
    """
    return "".join(letter if letter.isprintable() or letter in also else " " for letter in text)


def duration(seconds: float) -> str:
    """Write a time as a person reads it.

    >>> [duration(s) for s in (0.31, 42, 75, 3700)]
    ['0.3 s', '42 s', '1:15 min', '1:01:40 h']
    """
    whole = round(seconds)
    if whole >= HOUR_S:
        return f"{whole // HOUR_S}:{whole // MINUTE_S % MINUTE_S:02}:{whole % MINUTE_S:02} h"
    if whole >= MINUTE_S:
        return f"{whole // MINUTE_S}:{whole % MINUTE_S:02} min"
    return f"{seconds:.0f} s" if whole >= 10 else f"{seconds:.1f} s"  # noqa: PLR2004


def _words(view: View) -> list[str]:
    """Return what there is to say, the most important first."""
    status, slices = view.status, view.status.slices
    if view.trouble:
        return [status.state, view.trouble]
    if status.state != "running":
        return [status.state, status.message or "waits for its turn", duration(view.elapsed_s)]
    if not slices.total:
        return ["running", "no slices so far"]
    said = ["running", f"{view.percent:3}%", f"{slices.settled}/{slices.total} slices"]
    if slices.failed:
        said.append(f"{slices.failed} failed")
    if slices.settled >= slices.total:
        said.append("open for more" if status.is_open else "putting the result together")
        return said
    if view.left_s is not None:
        said.append(f"{duration(view.left_s)} left")
    if view.rate is not None:
        said.append(f"{view.rate:.3g}/s")
    return said


def _bar(fraction: float, width: int, *, plain: bool) -> str:
    """Draw a bar of `width` characters, the frame besides."""
    if plain:
        return "[" + ("#" * int(fraction * width)).ljust(width, "-") + "]"
    whole, part = divmod(int(fraction * width * 8), 8)
    return "▕" + ("█" * whole + EIGHTHS[part] * (part > 0)).ljust(width) + "▏"
