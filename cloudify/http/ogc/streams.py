"""Long answers, written piece by piece while they are read from the store."""

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Final

from starlette.responses import StreamingResponse

from cloudify.http.offload import Offload

PIECE_NCHARS: Final = 2**16
"""What is gathered before it is sent."""


async def stream(work: Offload, pieces: Iterator[str], media_type: str) -> StreamingResponse:
    """Return an answer of pieces of text, of which each is made off the event loop.

    What fails with the first of them is raised here, so that it is answered as what it is; later, the connection is cut
    by raising: better than an answer that looks whole.
    """
    fewer = gathered(pieces)
    first = await work(lambda: next(fewer, ""))

    async def rest() -> AsyncIterator[str]:
        yield first
        while piece := await work(lambda: next(fewer, "")):
            yield piece

    return StreamingResponse(rest(), media_type=media_type)


def gathered(pieces: Iterable[str]) -> Iterator[str]:
    """Join pieces to fewer and larger ones."""
    held, nchars = [], 0
    for piece in pieces:
        held.append(piece)
        nchars += len(piece)
        if nchars >= PIECE_NCHARS:
            yield "".join(held)
            held, nchars = [], 0
    if held:
        yield "".join(held)
