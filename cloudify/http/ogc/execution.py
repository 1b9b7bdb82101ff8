"""``POST /processes/{process_id}/execution``: a job is begun, and waited for if that is asked."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request
from starlette.responses import Response

from cloudify.errors import BadInputError, BadOptionError, UnknownProcessError
from cloudify.http.leaving import ClientLeftError, unless_left
from cloudify.http.ogc.body import read_object
from cloudify.http.ogc.desk import Desk, json_answer, owner_with
from cloudify.http.ogc.preference import Preference
from cloudify.http.ogc.results import ResultHandlers
from cloudify.http.routing import CLOSED
from cloudify.model.entry import is_valid_id

if TYPE_CHECKING:
    from cloudify.compute.store.records import Record
    from cloudify.model.job import Job

OUTPUT: Final = "result"
"""The one output of a process."""
FIRST_LOOK_S, LAST_LOOK_S = 0.02, 0.25
"""How often somebody who waits for a job is told of it: soon at first."""
LONGEST_KEY: Final = 200
_MEMBERS: Final = ("inputs", "outputs", "response", "open")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the body of an execution asks for."""

    inputs: Mapping[str, Any]
    is_open: bool = False
    is_raw: bool = False
    """Whether the answer is the result itself, not a document of it."""


class ExecutionHandlers:
    """What begins jobs."""

    def __init__(self, desk: Desk, results: ResultHandlers) -> None:
        self._desk, self._results = desk, results

    async def execute(self, request: Request, process_id: str) -> Response:
        """Begin a job: `{"inputs": {...}}`. With `Prefer: respond-async` the answer is its status, 201; without, it is
        the result, once there is one, and a client that leaves meanwhile ends the job. With `Prefer: wait=10` it is the
        status if there is none within ten seconds. Sent again with the same `Idempotency-Key` within a day, it is the
        same job.
        """  # noqa: D205  # shown as one paragraph in the API docs
        owner, desk = owner_with("compute"), self._desk
        if not is_valid_id(process_id):
            raise UnknownProcessError(process_id)
        key = read_key(request.headers.get("idempotency-key"))
        asked = read_execution(await read_object(request, desk.settings.max_body_nbytes))
        job = await desk.submitting(
            lambda: desk.compute.submit(
                owner, process_id, asked.inputs, desk.lookup.opened, is_open=asked.is_open, key=key
            )
        )
        base = desk.base(request)
        preference = Preference.of(request.headers.getlist("prefer"))
        wait_s = 0.0 if asked.is_open else preference.wait_s
        if wait_s == 0:
            return self._begun(job, base, preference)
        try:
            record = await unless_left(request.receive, self._ended(owner, job.id, wait_s))
        except ClientLeftError:
            if key is None and not preference.is_async:  # else it comes back
                await desk.do(lambda: self._abandon(owner, job.id))
            return Response(None, CLOSED)
        if not record.job.is_terminal:
            return self._begun(record.job, base, preference)
        answer = await self._results.of(request, record, is_raw=asked.is_raw)
        answer.headers.append("link", f'<{base}/jobs/{job.id}>; rel="monitor"; type="application/json"')
        return answer

    def _begun(self, job: "Job", base: str, preference: Preference) -> Response:
        """Answer with the status of a job that is not waited for any longer."""
        headers = {"location": f"{base}/jobs/{job.id}", "preference-applied": preference.applied()}
        return json_answer(self._desk.status(job, base), 201, headers)

    def _abandon(self, owner: str, job_id: str) -> None:
        """Dismiss a job that nobody waits for; one that has ended meanwhile stays."""
        self._desk.compute.jobs.dismiss(owner, job_id, hides=False)

    async def _ended(self, owner: str, job_id: str, wait_s: float) -> "Record":
        """Return a job when it has ended, or as it is after a time."""
        desk, pause_s, until = self._desk, FIRST_LOOK_S, monotonic() + wait_s
        while True:
            record = await desk.do(lambda: desk.compute.jobs.record(owner, job_id))
            if record.job.is_terminal or monotonic() >= until:
                return record
            await asyncio.sleep(min(pause_s, max(until - monotonic(), 0.0)))
            pause_s = min(1.5 * pause_s, LAST_LOOK_S)


def read_execution(body: Mapping[str, Any]) -> Asked:
    """Return what a body asks for.

    Raises
    ------
    BadInputError
        Naming the member that cannot be.
    """
    if "subscriber" in body:
        raise BadInputError("subscriber", "this server calls nobody back; follow the events of the job")
    unknown = next((name for name in body if name not in _MEMBERS), None)
    if unknown is not None:
        raise BadInputError(unknown, f"it is no member of an execution; those are {', '.join(_MEMBERS)}")
    inputs = body.get("inputs", {})
    if not isinstance(inputs, dict):
        raise BadInputError("inputs", 'expected a JSON object, e.g. {"dataset": "...", "function": {...}}')
    _check_outputs(body.get("outputs"))
    is_open, response = body.get("open", False), body.get("response", "document")
    if not isinstance(is_open, bool):
        raise BadInputError("open", "expected true or false")
    if response not in ("document", "raw"):  # a tuple: what is compared may be anything
        raise BadInputError("response", 'expected "document" or "raw"')
    return Asked(inputs, is_open, response == "raw")


def read_key(text: str | None) -> str | None:
    """Return what a client knows its request by again.

    Raises
    ------
    BadOptionError
        If it cannot be that.
    """
    if text is not None and not (0 < len(text) <= LONGEST_KEY and text.isascii() and text.isprintable()):
        raise BadOptionError(f"the Idempotency-Key: expected 1 to {LONGEST_KEY} characters of ASCII")
    return text


def _check_outputs(outputs: object) -> None:
    """Return if the outputs that are asked for are the one there is, by name or with how it is to be sent."""
    if outputs is None:
        return
    if not isinstance(outputs, dict | list) or any(name != OUTPUT for name in outputs):
        raise BadInputError("outputs", f"a process has the one output {OUTPUT!r}; leave them out, or name that")
    wanted = outputs.get(OUTPUT, {}) if isinstance(outputs, dict) else {}
    mode = wanted.get("transmissionMode", "value") if isinstance(wanted, dict) else None
    if mode not in ("value", "reference"):  # a tuple: what is compared may be anything
        raise BadInputError(
            "outputs", f'expected {{"{OUTPUT}": {{}}}}, in it perhaps "transmissionMode": "value" or "reference"'
        )
