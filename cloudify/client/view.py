"""What somebody who waits for a job is told, in words: pure, so that a test can read it."""

from collections import deque
from dataclasses import dataclass

from cloudify.client.status import Status

LATELY_S = 30.0
"""The rate is that of the last half a minute: it shows what is, not what was."""
SLOWEST_SHOWN = 0.1
"""Slices in a second: below that, how long the rest takes says more."""
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
    """Slices that are done in a second, lately; None where nothing is known of it."""
    trouble: str = ""
    """Why there is no newer news."""

    @property
    def fraction(self) -> float:
        """How much of what is planned so far is done, from 0 to 1."""
        return self.status.fraction

    @property
    def percent(self) -> int:
        """The same in whole percent; 100 only if all slices are settled."""
        slices = self.status.slices
        settled = 100 * slices.settled // slices.total if slices.total else 0
        return min(100, max(settled, self.status.percent))

    @property
    def left_s(self) -> float | None:
        """How long the rest takes at this rate; None where nobody can tell."""
        slices = self.status.slices
        if not self.rate or self.status.is_open:
            return None
        return max(0.0, slices.total - self.status.slices_done) / self.rate


class Pace:
    """How fast slices come."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque()
        """When there was another number than before, and which."""
        self._is_first_look = True
        """Whether the first of these is not when it changed, but when it was first looked at."""

    def rate(self, at: float, done: float) -> float | None:
        """Note how many are done by now, and return how many are in a second.

        How long it took until the first began is not counted. What comes in steps, as the percents of one long slice,
        is as fast between two of them. After that it is slower with each second that brings no other.

        >>> pace = Pace()
        >>> pace.rate(0.0, 10), pace.rate(2.0, 30)
        (None, 10.0)
        """
        seen = self._seen
        if done and (not seen or done != seen[-1][1]):
            seen.append((at, done))
        while len(seen) > 2 and (self._is_first_look or seen[1][0] <= at - LATELY_S):  # noqa: PLR2004  # a rate needs two
            seen.popleft()
            self._is_first_look = False
        if len(seen) < 2 or done <= seen[0][1]:  # noqa: PLR2004
            return None
        (began, before), last = seen[0], seen[-1][0]
        step_s = (last - began) / (len(seen) - 1)
        return (done - before) / max(last - began, at - began - step_s)


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
    if view.rate is not None and view.rate >= SLOWEST_SHOWN:
        said.append(f"{view.rate:.3g}/s")
    return said


def _bar(fraction: float, width: int, *, plain: bool) -> str:
    """Draw a bar of `width` characters, the frame besides."""
    if plain:
        return "[" + ("#" * int(fraction * width)).ljust(width, "-") + "]"
    whole, part = divmod(int(fraction * width * 8), 8)
    return "▕" + ("█" * whole + EIGHTHS[part] * (part > 0)).ljust(width) + "▏"
