"""Which jobs end the engine: a function may, where it runs beside it, and would again with each engine after it.

A restart is no attempt of a slice. But a job that ran each time an engine ended, and of which nothing was settled in
between, runs apart from others the next time, and fails when that has happened too often. What is known is in a file of
the data directory: of the engine itself nothing is left.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

NAME = "engine.restarts"
SUSPECT, MOST = 2, 5
"""How many engines in a row ended with a job before it runs apart, and before it fails."""


class EndlessRestartsError(Exception):
    """A job that is not to be taken up any more: too many engines ended with it."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Engines that ended with a job."""

    times: int
    boot: str
    """Of the last one."""


class Restarts:
    """Belongs to the engine's thread, but for `is_too_often`.

    Parameters
    ----------
    data_dir
        Where the file is. One that cannot be read or written does without it.
    """

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / NAME
        self._ended: dict[str, Ended] = {}
        with suppress(OSError, ValueError, TypeError):
            self._ended = {job: Ended(*found) for job, found in json.loads(self._path.read_text()).items()}

    def note(self, leased: Iterable[tuple[str, str]]) -> None:
        """Take note of the jobs, each with a boot id, of which slices ran when an engine ended."""
        before = self._ended
        self._ended = {}
        for job_id, boot in leased:
            known = before.get(job_id, Ended(0, ""))
            self._ended[job_id] = known if known.boot == boot else Ended(known.times + 1, boot)
        self._keep()

    def forget(self, job_id: str) -> None:
        """Take note that an engine has survived a slice of a job, or that the job has ended."""
        if self._ended.pop(job_id, None) is not None:
            self._keep()

    def is_too_often(self, job_id: str) -> bool:
        """Whether engines ended with this job so often that it is why."""
        return job_id in self._ended and self._ended[job_id].times >= MOST

    def running(self, jobs: Mapping[str, object]) -> Iterable[str]:
        """Return those of the jobs that may run now: all, or one that is suspected, by itself."""
        suspects = [job for job in jobs if job in self._ended and self._ended[job].times >= SUSPECT]
        return [min(suspects, key=lambda job: self._ended[job].times)] if suspects else jobs

    def _keep(self) -> None:
        temporary = self._path.with_suffix(".new")
        with suppress(OSError):
            temporary.write_text(json.dumps({job: [one.times, one.boot] for job, one in self._ended.items()}))
            temporary.replace(self._path)
