"""``/jobs/{job_id}/log``: what the function printed, slice by slice."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from cloudify.errors import BadOptionError
from cloudify.http.ogc.desk import Desk, checked_id, owner_with
from cloudify.http.ogc.links import JSON
from cloudify.http.ogc.query import single, whole
from cloudify.http.ogc.streams import stream

if TYPE_CHECKING:
    from cloudify.compute.store.records import SliceLog

AT_ONCE = 50
"""Logs that are read at once; one has a bounded length."""
CUT = "... (cut)"


class LogHandlers:
    """What slices printed."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, request: Request, job_id: str) -> Response:
        """What the function printed, of all slices or of one, `slice`; `f` is text or json."""
        owner, desk, query = owner_with("compute"), self._desk, request.query_params
        checked_id(job_id)
        form = single(query, "f") or "text"
        if form not in {"text", "json"}:
            raise BadOptionError(f"f={form[:40]!r}: expected text or json")
        number = whole(query, "slice", 0, least=1) or None
        await desk.do(lambda: desk.compute.jobs.record(owner, job_id))
        logs = self._logs(job_id, number)
        if form == "json":
            return await stream(desk.work, _as_json(logs), JSON)
        return await stream(desk.work, map(as_text, logs), "text/plain; charset=utf-8")

    def _logs(self, job_id: str, number: int | None) -> "Iterator[SliceLog]":
        """Yield what slices printed, in their order. Blocks."""
        after = 0
        while found := self._desk.compute.store.jobs.log(job_id, number, after, AT_ONCE):
            yield from found
            after = found[-1].slice
            if number is not None:
                return


def as_text(log: "SliceLog") -> str:
    """Return what a slice printed, each line with its number before it."""
    lines = [*log.text.splitlines(), *([CUT] if log.is_cut else [])]
    return "".join(f"[slice {log.slice}] {line}\n" for line in lines)


def _as_json(logs: "Iterator[SliceLog]") -> Iterator[str]:
    yield '{"log":['
    separator = ""
    for log in logs:
        said = {"slice": log.slice, "attempt": log.attempt, "text": log.text, "truncated": log.is_cut}
        yield separator + json.dumps(said)
        separator = ","
    yield "]}"
