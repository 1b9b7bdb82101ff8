"""What owners do with jobs: one method for each thing that can be asked, whichever dialect it is asked in."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from secrets import token_hex
from time import monotonic, sleep, time
from typing import Any

from cloudify.compute.child.function import check_source
from cloudify.compute.deployed import as_map, read_args
from cloudify.compute.given_template import read_template
from cloudify.compute.inputs import read_object
from cloudify.compute.lifecycle import Closed, Dismissed, Extended
from cloudify.compute.plan import DataPlan
from cloudify.compute.planned import Planned
from cloudify.compute.planning import make_plan
from cloudify.compute.pools import DEFAULT, Pool, SliceLimits
from cloudify.compute.qualified import plain_inputs
from cloudify.compute.request import MapRequest, read_data, read_map
from cloudify.compute.store.records import Deployed, Idempotency, Record
from cloudify.compute.store.store import Store
from cloudify.datasets.opened import Opened
from cloudify.errors import BadInputError, NoSandboxError, UnknownJobError, UnknownProcessError
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

    def digest(self) -> str:
        """Return a hash of what is asked, in whatever order its members came."""
        whole = [self.process, self.inputs, self.is_open]
        return sha256(json.dumps(whole, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


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
        inputs: Sequence[str] = request.data or ()
        planned, source = Planned(DataPlan(len(inputs))), None
        if request.dataset is not None:
            source = opened(request.dataset)
            limit = self._settings.max_block_nbytes
            plan = make_plan(request, source, max_block_nbytes=limit, settings=self._settings)
            planned = Planned(plan, request.dataset, source.token)
        template = "" if request.template is None else read_template(request.template, planned.plan, source).to_json()
        total = 0 if asked.is_open and planned.dataset else planned.plan.total
        self._begin()
        job = Job(
            token_hex(8), owner, asked.process,
            created=time(), is_open=asked.is_open, on_error=request.on_error, total=total, isolation="none",
        )  # fmt: skip
        idempotency = Idempotency(asked.key, asked.digest()) if asked.key else None
        job = self._store.jobs.add(job, request.to_json(), planned.to_json(), inputs, idempotency, template=template)
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

    def dismiss(self, owner: str, job_id: str, *, hides: bool = True) -> Job:
        """End a job; returns it, as it is if it has ended by itself.

        Parameters
        ----------
        hides
            Whether the record of one that has ended is hidden.
        """
        record = self.record(owner, job_id)
        if record.job.is_terminal:
            if hides:
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
            If it takes none.
        BadInputError
            If they do not fit.
        """
        record = self.record(owner, job_id)
        more = self._more(record, body)
        job, _ = self._store.jobs.happen(job_id, Extended(at=time(), count=len(more)), inputs=more)
        self._wake()
        return job

    def close(self, owner: str, job_id: str) -> Job:
        """Say that no more slices come; closed twice is closed."""
        self.record(owner, job_id)
        job, _ = self._store.jobs.happen(job_id, Closed(at=time()))
        self._wake()
        return job

    def _more(self, record: Record, body: Mapping[str, Any]) -> Sequence[str]:
        """Return the JSON of each slice that is added: a datum, or the number of a cell."""
        planned = Planned.from_json(record.plan)
        name = "regions" if planned.dataset else "data"
        if set(body) != {name}:
            raise BadInputError(
                name, f'expected {{"{name}": [...]}}, as the job is one over {"cells" if planned.dataset else name}'
            )
        if not planned.dataset:
            return read_data(body[name])
        if not isinstance(body[name], list):
            raise BadInputError(name, "expected a list of regions {dim: [first, one after the last]}")
        numbers = [
            planned.cells.number_of(read_object(f"regions[{place}]", region)) for place, region in enumerate(body[name])
        ]
        before = self._store.jobs.inputs(record.job.id, range(1, record.job.total + 1))
        taken = Counter([*numbers, *map(int, before.values())])
        twice = next((number for number in numbers if taken[number] > 1), None)
        if twice is not None:
            raise BadInputError(name, f"the cell {planned.cells.region(twice)} is a slice of the job already")
        return [str(number) for number in numbers]

    def _request(self, asked: Asked) -> MapRequest:
        """Return what is asked for in the words of `map`, with the function itself."""
        is_map, inputs = asked.process == MAP, asked.inputs
        inputs = plain_inputs(inputs) if is_map else as_map(self._process(asked.process), inputs)
        most = SliceLimits(self._settings.slice_timeout_s, self._settings.slice_nbytes)
        pools = {DEFAULT: Pool(DEFAULT, most)}
        request = read_map(inputs, is_open=asked.is_open, pools=pools, check_source=check_source)
        if request.process is None:
            return request
        process = self._process(request.process)
        args = request.args if not is_map else read_args(process, request.args)
        return request.with_function(process.function, args)

    def _process(self, process_id: str) -> Deployed:
        process = self._store.processes.get(process_id)
        if process is None:
            raise UnknownProcessError(process_id)
        return process
