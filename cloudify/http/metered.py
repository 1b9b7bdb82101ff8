"""Counts requests and how long they take: one layer outside all that answer, one inside, which sees the route."""

import re
from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import Any

from fastapi import APIRouter
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloudify.http.fast_lane import FastLane
from cloudify.http.meters import Meters

SEEN = "cloudify.route"
NONE, OTHER = "none", "other"
"""Instead of a route: where there is none, and where it is of a kind that has no template."""


class Metered:
    """The outer layer."""

    def __init__(self, app: ASGIApp, meters: Meters) -> None:
        self.app, self._meters = app, meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count it when it is answered."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status, nbytes = perf_counter(), 0, 0

        async def counted(message: Message) -> None:
            nonlocal status, nbytes
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                nbytes += len(message.get("body", b""))
            await send(message)

        seen: list[str] = []
        scope[SEEN] = seen
        try:
            await self.app(scope, receive, counted)
        finally:
            route = seen[0] if seen else NONE
            self._meters.requests.labels(route, status_class(status)).inc()
            self._meters.seconds.labels(route).observe(perf_counter() - began)
            self._meters.sent.inc(nbytes)


class Routed:
    """The inner layer, around the routes themselves."""

    def __init__(self, app: ASGIApp, templates: Mapping[Any, str]) -> None:
        self.app, self._templates = app, templates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note by which route it was answered."""
        try:
            await self.app(scope, receive, send)
        finally:
            endpoint = scope.get("endpoint")
            if endpoint is not None and SEEN in scope:
                scope[SEEN].append(self._templates.get(endpoint, OTHER))


def count_lane(meters: Meters, lane: FastLane) -> None:
    """Add what the fast lane has answered and sent to the meters."""
    for name, status, number in lane.answered():
        meters.follow(meters.requests.labels(f"/datasets/{{dataset_id}}/{name}/{{key}}", status_class(status)), number)
    meters.follow(meters.sent, lane.sent_nbytes)


def templates_of(routers: Iterable[tuple[APIRouter, Mapping[str, Any]]]) -> dict[Any, str]:
    """Return the templates of routes by what answers there; never a path that somebody sent.

    Parameters
    ----------
    routers
        Each with what it is included with.
    """
    found: dict[Any, str] = {}
    for router, kwargs in routers:
        for route in router.routes:
            if isinstance(route, Mount | Route):
                template = re.sub(r":\w+}", "}", kwargs.get("prefix", "") + route.path)
                is_mount = isinstance(route, Mount)
                found.setdefault(route.app if is_mount else route.endpoint, template + "/{key}" * is_mount)  # type: ignore[union-attr]  # a Route
    return found


def status_class(status: int) -> str:
    """Return the class of a status.

    >>> status_class(206), status_class(0)
    ('2xx', 'left')
    """
    return f"{status // 100}xx" if status else "left"
