"""``/jobs/{job_id}/events``: what happens to a job, as server-sent events or in pages."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from cloudify.errors import BadOptionError, UnknownJobError
from cloudify.http.heads import HEAD
from cloudify.http.ogc.desk import Desk, checked_id, owner_with
from cloudify.http.ogc.feeds import Feeds, is_last
from cloudify.http.ogc.links import JSON, iso
from cloudify.http.ogc.query import page_links, single, whole
from cloudify.http.ogc.streams import gathered

if TYPE_CHECKING:
    from cloudify.compute.store.records import Event

STREAM: Final = "text/event-stream"
HEARTBEAT_S: Final = 10.0
LONGEST_S: Final = 900.0
"""After which a stream ends: who goes on listening shows their token again, which may have been revoked."""
AT_ONCE, AT_ONCE_NCHARS = 256, 2**18
"""Events, and characters of their payloads, that are held at once for one who listens."""
DEFAULT_LIMIT, MOST_EVENTS = 100, 1000
HEADERS: Final = {"x-accel-buffering": "no"}  # a proxy that waits for more would hold events back
_BREAKS: Final = str.maketrans({"\r": " ", "\n": " ", "\0": " "})


class EventHandlers:
    """What happens to jobs."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._feeds = Feeds(self._read)

    async def follow(self, request: Request, job_id: str) -> Response:
        """What happened and happens to a job, as server-sent events, to its end; with `Last-Event-ID` only what came
        after. With `f=json` a page of what has happened: `after`, `limit`.
        """  # noqa: D205  # shown as one paragraph in the API docs
        owner, desk, query = owner_with("compute"), self._desk, request.query_params
        checked_id(job_id)
        form = single(query, "f")
        if form not in {"", "json"}:
            raise BadOptionError(f"f={form[:40]!r}: expected json, or nothing for a stream")
        await desk.do(lambda: desk.compute.jobs.record(owner, job_id))
        if form:
            return await self._page(request, job_id)
        headers = HEADERS
        if request.scope.get(HEAD):
            return Response(None, 200, {"content-type": STREAM, **headers})
        after, has_ended = await self._place(job_id, _last_id(request))
        pieces = _nothing() if has_ended else self._stream(job_id, after)
        return StreamingResponse(pieces, media_type=STREAM, headers=headers)

    async def _page(self, request: Request, job_id: str) -> Response:
        desk, query = self._desk, request.query_params
        after = whole(query, "after", 0)
        limit = whole(query, "limit", DEFAULT_LIMIT, least=1, most=MOST_EVENTS)
        at = f"{desk.base(request)}/jobs/{job_id}/events"

        def write() -> str:
            read = desk.compute.store.events.after
            events = read(job_id, after, limit)
            goes_on = events and not is_last(events[-1]) and read(job_id, events[-1].seq, 1)
            links = page_links(at, query, str(events[-1].seq) if goes_on else None)
            return f'{{"events":[{",".join(map(event_json, events))}],"links":{json.dumps(links)}}}'

        return Response(await desk.do(write), media_type=JSON)

    async def _place(self, job_id: str, last: int) -> tuple[int, bool]:
        """Return after which event a stream begins, and whether that is the end; none of its own: from the start on."""
        if not last:
            return 0, False
        found = await self._read(job_id, last - 1)
        if not found or found[0].seq != last:
            return 0, False
        return last, is_last(found[0])

    async def _stream(self, job_id: str, after: int) -> AsyncIterator[str]:
        until = monotonic() + LONGEST_S
        yield ":\n\n"  # the head goes out at once
        try:
            async with aclosing(self._feeds.follow(job_id, after, HEARTBEAT_S)) as followed:
                async for events in followed:
                    for piece in gathered(map(as_event, events) if events else (":\n\n",)):
                        yield piece
                    if monotonic() > until:
                        return
        except UnknownJobError:  # it was removed meanwhile
            return

    async def _read(self, job_id: str, after: int) -> "list[Event]":
        read = self._desk.compute.store.events.after
        return await self._desk.work(partial(read, job_id, after, AT_ONCE, AT_ONCE_NCHARS))


def event_json(event: "Event") -> str:
    """Return an event as JSON without a line break; its payload is that by itself."""
    said = {"seq": event.seq, "time": iso(event.time), "job": event.job, "slice": event.slice, "type": event.type}
    emitted = ',"emitted":true' if event.is_emitted else ""
    return f'{json.dumps(said, separators=(",", ":"))[:-1]},"payload":{event.payload}{emitted}}}'


def as_event(event: "Event") -> str:
    """Return an event as a stream has it; whatever a function calls its own stays in its line."""
    return f"id: {event.seq}\nevent: {event.type.translate(_BREAKS)}\ndata: {event_json(event)}\n\n"


def _last_id(request: Request) -> int:
    """Return the last event that a client has, 0 for none and for what is none of ours."""
    text = request.headers.get("last-event-id", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0  # noqa: PLR2004  # 64 bits


async def _nothing() -> AsyncIterator[str]:
    """End a stream at once; one that has ended already is not asked for again by those who get this."""
    yield ":\n\n"
