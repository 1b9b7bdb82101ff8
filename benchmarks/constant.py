"""The least a Python server does: one file's bytes for every request, as a bare ASGI application.

Run as `python constant.py FILE STATUS PORT`; uvicorn is set up as `cloudify serve` sets it up.
"""

import sys
from pathlib import Path

import uvicorn
from starlette.types import Receive, Scope, Send


class Constant:
    """ASGI application that answers every request with the same status and bytes."""

    def __init__(self, body: bytes, status: int) -> None:
        self.body, self.status = body, status
        self.headers = [(b"content-type", b"application/octet-stream"), (b"content-length", b"%d" % len(body))]

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one request."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


def main(file: Path, status: int, port: int) -> None:
    """Serve on the loopback address until SIGTERM."""
    uvicorn.run(
        Constant(file.read_bytes(), status),
        port=port,
        http="httptools",
        loop="uvloop",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
