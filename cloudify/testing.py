"""For tests of plugins and host scripts: an application on a real socket.

>>> from cloudify import Server
>>> from cloudify.testing import running
>>> with running(Server({}).app) as url:
...     url.startswith("http://127.0.0.1:")
True
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from time import monotonic, sleep

import uvicorn
from starlette.types import ASGIApp

from cloudify.server.run import listen

START_S = 30.0


@contextmanager
def running(app: ASGIApp) -> Iterator[str]:
    """Serve an application on a free loopback port, in a thread, until the block ends; the value is its URL.

    Raises
    ------
    RuntimeError
        If it does not start.
    """
    sock = listen("127.0.0.1", 0)
    server = uvicorn.Server(
        uvicorn.Config(
            app, http="httptools", loop="uvloop", lifespan="auto", log_config=None, timeout_graceful_shutdown=1
        )
    )
    thread = Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    deadline = monotonic() + START_S
    while not server.started:
        if not thread.is_alive() or monotonic() > deadline:
            raise RuntimeError("the application did not start")
        sleep(0.01)
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        sock.close()
