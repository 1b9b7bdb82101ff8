"""What owners do with jobs: one method for each thing that can be asked, whichever dialect it is asked in."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from secrets import token_hex
from time import monotonic, sleep, time
from typing import Any

from cloudify.compute.child.function import check_source
from cloudify.compute.lifecycle import Closed, Dismissed, Extended
from cloudify.compute.plan import DataPlan, Plan, make_plan, plan_from_json
from cloudify.compute.request import MapRequest, read_map, read_more
from cloudify.compute.store.store import Idempotency, Record, Store
from cloudify.datasets.opened import Opened
from cloudify.errors import JobClosedError, NoSandboxError, UnknownJobError
from cloudify.model.job import Job
from cloudify.settings import Settings

LOOK_S = 0.05
"""How often who waits for a job looks at it."""
MAP = "map"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a job."""

    process: str
    inputs: Mapping[str, Any]
    is_open: bool = False
    key: str | None = None
    """Of the client: asked twice under one key, it is one job."""


class Jobs:
    """The jobs of a server. Safe to use from many threads; every method blocks.

    Parameters
    ----------
    store
        Opened when it is first needed.
    begin
        Sees to it that there is an engine; raises `DirectoryInUseError` if there can be none.
    wake
        Has the engine look at the store.
    """

    def __init__(
        self, store: Store, settings: Settings, *, begin: Callable[[], None], wake: Callable[[], None]
    ) -> None:
        self._store, self._settings, self._begin, self._wake = store, settings, begin, wake

    def submit(self, owner: str, asked: Asked, opened: Callable[[str], Opened]) -> Job:
        """Store a job, and return it: from now on it is not lost.

        Parameters
        ----------
        opened
            Opens a dataset that the owner may read; raises `UnknownDatasetError` for others.

        Raises
        ------
        NoSandboxError
            If this server runs no functions.
        BadInputError, InvalidFunctionError, UnknownDatasetError, UnknownVariableError, BlockTooLargeError
            If the request cannot be.
        IdempotencyConflictError
            If its key was used for something else.
        """
        if not self._settings.unsafe_compute:
            raise NoSandboxError
        request = self._request(asked)
        check_source(request.function.source, request.function.entry)
        if request.combine is not None:
            check_source(request.combine.source, request.combine.entry)
        plan: Plan | DataPlan
        inputs: Sequence[str] = ()
        if request.dataset is not None:
            plan = make_plan(request, opened(request.dataset), max_block_nbytes=self._settings.max_block_nbytes)
            total = 0 if asked.is_open else plan.total
        else:
            inputs = request.data or ()
            plan, total = DataPlan(len(inputs)), len(inputs)
        self._begin()
        job = Job(
            token_hex(8), owner, asked.process,
            created=time(), is_open=asked.is_open, on_error=request.on_error, total=total, isolation="none",
        )  # fmt: skip
        idempotency = Idempotency.of(asked.key, asked.process, asked.inputs) if asked.key else None
        job = self._store.jobs.add(job, request.to_json(), plan.to_json(), inputs, idempotency)
        self._wake()
        return job

    def record(self, owner: str, job_id: str) -> Record:
        """Return a job of an owner.

        Raises
        ------
        UnknownJobError
            If there is none, or it is somebody else's.
        """
        record = self._store.jobs.get(job_id)
        if record is None or record.job.owner != owner or record.hidden:
            raise UnknownJobError(job_id)
        return record

    def wait(self, owner: str, job_id: str, timeout_s: float) -> Record:
        """Return a job when it has ended, or as it is after a time."""
        deadline = monotonic() + timeout_s
        while True:
            record = self.record(owner, job_id)
            if record.job.is_terminal or monotonic() >= deadline:
                return record
            sleep(LOOK_S)

    def dismiss(self, owner: str, job_id: str) -> Job:
        """End a job, or hide the record of one that has ended."""
        record = self.record(owner, job_id)
        if record.job.is_terminal:
            self._store.jobs.hide(job_id)
            return record.job
        job, _ = self._store.jobs.happen(job_id, Dismissed(at=time()))
        self._wake()
        return job

    def extend(self, owner: str, job_id: str, body: Mapping[str, Any]) -> Job:
        """Add slices to an open job: ``{"data": [...]}`` or ``{"regions": [{dim: [lo, hi]}]}``.

        Raises
        ------
        JobClosedError
            If it takes none any more.
        BadInputError
            If they do not fit.
        """
        record = self.record(owner, job_id)
        more = read_more(body, plan_from_json(record.plan))
        if not record.job.is_open or record.job.is_terminal:
            raise JobClosedError(job_id)
        try:
            job, _ = self._store.jobs.happen(job_id, Extended(at=time(), count=len(more)), inputs=more)
        except ValueError as error:  # it was closed meanwhile
            raise JobClosedError(job_id) from error
        self._wake()
        return job

    def close(self, owner: str, job_id: str) -> Job:
        """Say that no more slices come; closed twice is closed."""
        self.record(owner, job_id)
        job, _ = self._store.jobs.happen(job_id, Closed(at=time()))
        self._wake()
        return job

    def _request(self, asked: Asked) -> MapRequest:
        """Return what is asked for in the words of `map`."""
        if asked.process == MAP:
            request = read_map(asked.inputs, is_open=asked.is_open)
        else:
            process = self._store.processes.get(asked.process)
            request = read_map(process.as_map(asked.inputs), is_open=asked.is_open)
        if request.process is None:
            return request
        return request.with_function(self._store.processes.get(request.process).function)


def canonical(value: object) -> str:
    """Return JSON of one spelling, of which hashes are made."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
