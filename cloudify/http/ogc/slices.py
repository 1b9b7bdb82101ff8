"""``/jobs/{job_id}/slices``: ranges of slices and their states; more of them for an open job."""

from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request
from starlette.responses import Response

from cloudify.errors import BadOptionError
from cloudify.http.ogc.body import read_object
from cloudify.http.ogc.desk import Desk, checked_id, json_answer, owner_with
from cloudify.http.ogc.failed import Regions
from cloudify.http.ogc.query import page_links, single, whole
from cloudify.http.ogc.status import exception_info

if TYPE_CHECKING:
    from cloudify.compute.store.records import SliceRange, SliceState

DEFAULT_LIMIT, MOST_RANGES = 100, 1000
STATES: "Final[dict[str, SliceState]]" = {"pending": "pending", "running": "leased", "done": "done", "failed": "failed"}
"""As they are called here -> as the store calls them."""
STOPPED: Final = "stopped"
"""Of a slice that ran when its job ended."""
_SAID: Final = {of_store: said for said, of_store in STATES.items()}


class SliceHandlers:
    """What is asked of slices."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list_slices(self, request: Request, job_id: str) -> Response:
        """The slices of a job, as ranges of those that follow each other and are alike; `state` is pending, running,
        done or failed. The link `next` leads on.
        """  # noqa: D205  # shown as one paragraph in the API docs
        owner, desk, query = owner_with("compute"), self._desk, request.query_params
        checked_id(job_id)
        state = _state(single(query, "state"))
        limit = whole(query, "limit", DEFAULT_LIMIT, least=1, most=MOST_RANGES)
        after = whole(query, "after", 0)

        def find() -> list[dict[str, Any]]:
            store = desk.compute.store
            record = desk.compute.jobs.record(owner, job_id)
            regions = Regions(record, store)
            ranges = store.jobs.slices(job_id, state=state, after=after, limit=limit)
            return [_range(each, regions, has_ended=record.job.is_terminal) for each in ranges]

        found = await desk.do(find)
        following = str(found[-1]["last"]) if len(found) == limit else None
        links = page_links(f"{desk.base(request)}/jobs/{job_id}/slices", query, following)
        return json_answer({"slices": found, "links": links})

    async def add(self, request: Request, job_id: str) -> Response:
        """Add slices to an open job: `{"data": [...]}`, or `{"regions": [{dim: [first, one after the last]}]}`."""
        owner, desk = owner_with("compute"), self._desk
        checked_id(job_id)
        body = await read_object(request, desk.settings.max_body_nbytes)
        job = await desk.do(lambda: desk.compute.jobs.extend(owner, job_id, body))
        return json_answer(desk.status(job, desk.base(request)))


def _state(text: str) -> "SliceState | None":
    if text and text not in STATES:
        raise BadOptionError(f"state={text[:40]!r}: expected one of {', '.join(STATES)}")
    return STATES[text] if text else None


def _range(each: "SliceRange", regions: Regions, *, has_ended: bool) -> dict[str, Any]:
    state = STOPPED if has_ended and each.state == "leased" else _SAID[each.state]
    said: dict[str, Any] = {"first": each.first, "last": each.last, "state": state, "attempt": each.attempt}
    if each.failure is not None:
        region = regions.of(each.first) if each.first == each.last else None
        said["exception"] = exception_info(each.failure, region=region)
    if each.permille is not None:
        said["progress"] = each.permille / 1000
    return said
