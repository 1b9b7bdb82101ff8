"""For tests of plugins and host scripts: an application on a real socket.

>>> from cloudify import Server
>>> from cloudify.testing import running
>>> with running(Server({}).app) as url:
...     url.startswith("http://127.0.0.1:")
True
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import randbelow
from threading import Thread
from time import monotonic, sleep

import uvicorn
from starlette.types import ASGIApp

from cloudify.server.run import listen

START_S = 30.0
PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
FIRST_PORT, IANA_DYNAMIC_PORT = 20_000, 49_152


def free_port() -> int:
    """Return a loopback port that nobody listens on, for a server that has to be told one before it starts.

    None of those that the system gives to the connections of clients: one of them could take it in the meantime.
    """
    first_of_clients = int(PORT_RANGE.read_text().split()[0]) if PORT_RANGE.exists() else IANA_DYNAMIC_PORT
    while True:
        port = FIRST_PORT + randbelow(first_of_clients - FIRST_PORT)
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)):
                return port


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
