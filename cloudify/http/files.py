"""An open file as an answer: whole, by range, or to HEAD its size."""

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from cloudify.datasets.keep import KeptFile
from cloudify.http.bodies import Lazy, send_body
from cloudify.http.offload import Offload
from cloudify.http.ranges import Span

_read = Offload(4)


class FileAnswer(Response):
    """Sends a kept file."""

    def __init__(self, file: KeptFile, headers: dict[str, str]) -> None:
        super().__init__()
        self._file = file
        self._sent = headers | {"accept-ranges": "bytes"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, or the part that is asked for."""
        await send_body(scope, receive, send, self._sent, Lazy(self._size, self._part, in_pieces=True))

    async def _size(self) -> int:
        return self._file.nbytes

    async def _part(self, span: Span | None) -> bytes:
        wanted = span or Span(0, self._file.nbytes)
        return await _read(lambda: self._file.read(wanted.start, wanted.stop))
