"""Compression of text on its way: JSON and HTML, never chunks."""

from starlette.types import ASGIApp, Receive, Scope, Send
from starlette_compress import CompressMiddleware

from cloudify.http.paths import is_byte_path

SMALLEST_NBYTES = 1024


class CompressText:
    """ASGI layer that compresses text answers (gzip, zstd, br) and passes the byte path untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._compressed = CompressMiddleware(app, minimum_size=SMALLEST_NBYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Choose by the path: what the byte path sends is coded already, and has strong tags."""
        await (self.app if is_byte_path(scope) else self._compressed)(scope, receive, send)
