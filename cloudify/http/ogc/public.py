"""What everybody may ask: the landing page, what it conforms to, and processes."""

import json
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from cloudify.errors import UnknownProcessError
from cloudify.http.ogc.contract.document import MEDIA_TYPE, as_3_0
from cloudify.http.ogc.desk import PATH, Desk, json_answer
from cloudify.http.ogc.landing import conformance, landing_page
from cloudify.http.ogc.processes import (
    MAP,
    deployed_description,
    deployed_summary,
    map_description,
    map_summary,
)
from cloudify.http.ogc.query import DEFAULT_LIMIT, MOST, page_links, single, whole
from cloudify.model.entry import is_valid_id

if TYPE_CHECKING:
    from cloudify.compute.store.records import Deployed


class PublicHandlers:
    """What needs no token."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def landing(self, request: Request) -> Response:
        """OGC API - Processes: where everything is."""
        return json_answer(landing_page(self._desk.root(request), self._desk.base(request)))

    async def conformance(self) -> Response:
        """What this API conforms to."""
        return json_answer(conformance())

    async def openapi(self, request: Request) -> Response:
        """The routes of this API as an OpenAPI 3.0 document."""
        whole = await self._desk.do(request.app.openapi)
        return Response(json.dumps(as_3_0(whole, PATH, self._desk.root(request))), media_type=MEDIA_TYPE)

    async def list_processes(self, request: Request) -> Response:
        """What can be executed, in the order of ids, `map` first. The link `next` leads on."""
        desk, query = self._desk, request.query_params
        limit = whole(query, "limit", DEFAULT_LIMIT, least=1, most=MOST)
        after = single(query, "after")
        base = desk.base(request)
        deployed = [process for process in await desk.do(self._deployed) if not after or process.id > after]
        listed: list[dict[str, Any]] = [] if after else [map_summary(base)]
        listed += [deployed_summary(process, base) for process in deployed]
        following = None
        if len(listed) > limit:
            listed = listed[:limit]
            following = "!" if listed[-1]["id"] == MAP and not after else listed[-1]["id"]
        links = page_links(f"{base}/processes", query, following)
        return json_answer({"processes": listed, "links": links})

    async def process(self, request: Request, process_id: str) -> Response:
        """What a process takes and gives."""
        base = self._desk.base(request)
        if process_id == MAP:
            return json_answer(map_description(base))
        if not is_valid_id(process_id):
            raise UnknownProcessError(process_id)
        found = await self._desk.do(lambda: self._find(process_id))
        return json_answer(deployed_description(found, base))

    def _deployed(self) -> "tuple[Deployed, ...]":
        compute = self._desk.compute
        return compute.store.processes.list() if compute.is_in_use else ()

    def _find(self, process_id: str) -> "Deployed":
        compute = self._desk.compute
        found = compute.store.processes.get(process_id) if compute.is_in_use else None
        if found is None:
            raise UnknownProcessError(process_id)
        return found
