"""Waiting for a job: looks at it now and then, shows it, and forgives a server that is away for a while."""

from collections.abc import Callable
from time import monotonic, sleep

from cloudify.client.progress import Display
from cloudify.client.status import Status
from cloudify.client.view import Pace, View, duration
from cloudify.errors import ServerBusyError, StillRunningError, UnreachableError

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 0.5
"""Between two looks; a job of milliseconds is not kept waiting."""
PATIENCE_S = 120.0
"""How long a server may be away, e.g. while it is started again: the job goes on."""
LONGEST_LOOK_S = 20.0


def wait(known: Status, look: Callable[[float], Status], display: Display, timeout_s: float | None) -> Status:
    """Look at a job until it has ended.

    Parameters
    ----------
    look
        Given how long it may take, in seconds, asks the server once.

    Raises
    ------
    StillRunningError
        If that takes longer than `timeout_s`.
    UnreachableError, ServerBusyError
        If the server is away for two minutes.
    """
    began = answered = monotonic()
    pace, pause_s, trouble = Pace(), FIRST_PAUSE_S, ""
    status = known
    while True:
        now = monotonic()
        rate = pace.rate(now, status.slices_done)
        view = View(status, now - began, rate, trouble)
        if status.is_terminal:
            display.end(view)
            return status
        display.update(view)
        left_s = LONGEST_LOOK_S if timeout_s is None else began + timeout_s - now
        if left_s <= 0 and timeout_s is not None:
            display.leave(goes_on(status.id))
            raise StillRunningError(status.id, timeout_s, status.state, status.percent)
        sleep(min(pause_s, left_s))
        pause_s = min(1.5 * pause_s, LONGEST_PAUSE_S)
        try:
            status, trouble = look(max(1.0, min(left_s, LONGEST_LOOK_S))), ""
            answered = monotonic()
        except (UnreachableError, ServerBusyError):
            away_s = monotonic() - answered
            if away_s > PATIENCE_S:
                display.leave(goes_on(status.id))
                raise
            trouble = f"no answer from the server for {duration(away_s)}"


def goes_on(job_id: str) -> str:
    """Tell somebody who stops waiting where the job is."""
    return f"job {job_id} goes on; `server.job({job_id!r})` comes back to it, its `.cancel()` ends it"
