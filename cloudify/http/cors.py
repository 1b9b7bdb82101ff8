"""Cross-origin reads of public data: any page may read it, none with credentials.

Pages (HTML) and answers to a request with a cookie or a token are for this origin only.
"""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloudify.http.paths import is_own_path

CREDENTIALS = frozenset({b"authorization", b"cookie"})
READS = "GET, HEAD, OPTIONS"
MAX_AGE_S = 86_400
PREFLIGHT = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": READS,
    "access-control-allow-headers": "Range, If-Range, If-None-Match, If-Modified-Since, Cache-Control, Content-Type",
    "access-control-max-age": str(MAX_AGE_S),
    "vary": "Origin, Access-Control-Request-Headers",
    "allow": READS,
    "content-length": "0",
}
EXPOSED = "Content-Length, Content-Range, ETag, Retry-After, X-Request-ID"
MARK = ((b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", EXPOSED.encode()))
"""What marks an answer as readable from any origin."""


class PublicReads:
    """ASGI layer that answers preflights and marks answers as readable from any origin."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer OPTIONS; else pass the request on and add the headers to its answer."""
        if (
            scope["type"] != "http"
            or not CREDENTIALS.isdisjoint(name for name, _ in scope["headers"])
            or is_own_path(scope)
        ):
            await self.app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS":
            headers = [(name.encode(), value.encode()) for name, value in PREFLIGHT.items()]
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start" and not _is_page(message):
                names = [name for name, _ in MARK]  # a layer below may have marked it
                message["headers"] = [pair for pair in message["headers"] if pair[0] not in names] + [*MARK]
            await send(message)

        await self.app(scope, receive, marked)


def _is_page(message: Message) -> bool:
    return Headers(raw=message["headers"]).get("content-type", "").startswith("text/html")
