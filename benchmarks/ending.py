"""How a server ends on SIGTERM: in time, with status 0, and with all that it started."""

import subprocess
from contextlib import suppress
from time import monotonic, sleep

import psutil

from benchmarks.processes import POLL_S, Running
from benchmarks.tally import Tally

END_S = 5.0


def end_in_time(server: Running, tally: Tally) -> None:
    """Send SIGTERM to a server and count a failure if it, or a process that it started, is there for too long."""
    if server.process.poll() is not None:
        return
    pids = server.pids()
    start = monotonic()
    server.process.terminate()
    try:
        status = server.process.wait(END_S)
    except subprocess.TimeoutExpired:
        tally.failed(f"SIGTERM did not end the server within {END_S:.0f} s")
        return
    took_s = monotonic() - start
    while (left := _living(pids)) and monotonic() < start + END_S:
        sleep(POLL_S)
    tally.notes.append(f"ended {took_s:.1f} s after SIGTERM, all {len(pids)} of its processes")
    if left:
        tally.failed(f"{len(left)} of {len(pids)} processes outlived the server: {left}")
    if status:
        tally.failed(f"after SIGTERM the server ended with status {status}")


def _living(pids: list[int]) -> list[str]:
    """Return the names of those that have not ended."""
    names: list[str] = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            if process.status() != psutil.STATUS_ZOMBIE:
                names.append(process.name())
    return names
