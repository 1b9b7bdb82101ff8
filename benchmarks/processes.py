"""Server processes: started in a group of their own, waited for, measured, ended."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import httpx
import psutil

from benchmarks.failures import MissingProgramError, RowError, StartError

HOST = "127.0.0.1"
START_S = 60.0
END_S = 10.0
POLL_S = 0.02
ADMIN_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"
"""Where distributions put servers; not on the PATH of an ordinary user."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers."""

    url: str
    """Without a slash at its end."""
    process: subprocess.Popen[bytes]
    """Leader of its own session."""
    folder: Path
    """Where it runs and keeps its files."""

    def pids(self) -> list[int]:
        """Return the ids of all its processes: the server began a session, which those that it starts stay in."""
        found: list[int] = []
        for pid in psutil.pids():
            with suppress(ProcessLookupError, PermissionError):
                if os.getsid(pid) == self.process.pid:
                    found.append(pid)
        return found


def end_on_sigterm() -> None:
    """Make SIGTERM leave every block of this program, so that the servers it started end with it."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


def find_program(name: str) -> str:
    """Return the path of a program.

    Raises
    ------
    MissingProgramError
        If it is not installed.
    """
    path = shutil.which(name) or shutil.which(name, path=ADMIN_FOLDERS)
    if path is None:
        raise MissingProgramError(name)
    return path


@contextmanager
def running(command: Sequence[str], *, url: str, folder: Path) -> Iterator[Running]:
    """Run a server until the block ends.

    It runs in `folder`, without settings, files or clusters of whoever runs it: none may change what is measured.

    Parameters
    ----------
    url
        Where it will answer; asked until it does.
    folder
        An existing folder; the server's output goes to ``server.log`` in it.

    Raises
    ------
    StartError
        If it ends or is silent for too long instead.
    """
    log = folder / "server.log"
    env = plain_environment() | {"XDG_DATA_HOME": str(folder)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder, env=env, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        _wait_until_it_answers(process, url, log)
        yield Running(url.rstrip("/"), process, folder)
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a server that has not ended yet, and its group with it."""
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(END_S)


def plain_environment() -> dict[str, str]:
    """Return our environment without what sets a server up, or keeps Python from compiling its modules only once."""
    dropped = ("CLOUDIFY_", "ZARR_ADDRESS", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the CPU time, user and system, that processes and their children have used, ended children included.

    Raises
    ------
    RowError
        If one of `pids` has ended.
    """
    processes: dict[int, psutil.Process] = {}
    total = 0.0
    try:
        for pid in pids:
            process = psutil.Process(pid)
            processes |= {one.pid: one for one in (process, *process.children(recursive=True))}
        for process in processes.values():
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    except psutil.NoSuchProcess as error:
        raise RowError("a process of the server ended while it was measured") from error
    return total


def resident_nbytes(pids: Iterable[int]) -> int:
    """Return the memory of processes that is resident, in bytes; shared pages count for each."""
    try:
        return sum(int(psutil.Process(pid).memory_info().rss) for pid in pids)
    except psutil.NoSuchProcess as error:
        raise RowError("a process of the server ended while its memory was read") from error


def _wait_until_it_answers(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = monotonic() + START_S
    with httpx.Client(trust_env=False) as client:
        while monotonic() < deadline:
            if process.poll() is not None:
                raise StartError(f"the server ended with status {process.returncode}: {_last_line(log)}")
            try:
                answer = client.get(url)
            except httpx.TransportError:
                sleep(POLL_S)
                continue
            if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                return
            sleep(POLL_S)
    raise StartError(f"the server did not answer within {START_S:.0f} s: {_last_line(log)}")


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "it printed nothing"
