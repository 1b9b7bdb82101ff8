"""Runs a server: the port first, then the application, and an end within seconds."""

import asyncio
import errno
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from cloudify.errors import PortInUseError, UsageError
from cloudify.http.meters import Meters
from cloudify.server.protocol import Protocol
from cloudify.server.slow_clients import SlowClients
from cloudify.settings import Settings

BACKLOG = 2048
LAST_PORT = 65_535


def listen(host: str, port: int) -> socket.socket:
    """Take the port, so that it is known to be ours before anything costly starts.

    Raises
    ------
    PortInUseError
        Naming the next free port.
    UsageError
        If the address cannot be listened on.
    """
    try:
        return _bind(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(port, _next_free(host, port)) from error
        raise UsageError(f"cannot listen on {host} port {port}: {error.strerror}") from error


def run(
    app: ASGIApp,
    sock: socket.socket,
    settings: Settings,
    meters: Meters,
    started: Callable[[], None] = lambda: None,
    ending: Callable[[], None] = lambda: None,
) -> None:
    """Serve on a listening socket until SIGTERM or Ctrl-C; requests under way get ``shutdown_s`` to finish.

    Parameters
    ----------
    meters
        Those that are to show connections.
    started
        Called once, when requests are answered.
    ending
        Called when a signal tells to end, before requests under way have finished.
    """
    announcing = iter([started])
    slow = SlowClients(settings.head_timeout_s, settings.stall_timeout_s)

    async def every_second() -> None:
        for announce in announcing:
            announce()
        slow.look(server.server_state.connections, asyncio.get_running_loop().time())  # type: ignore[arg-type]  # ours

    def sample() -> None:
        meters.connections.set(len(server.server_state.connections))
        for reason, number in slow.cut.copy().items():
            meters.follow(meters.cut.labels(reason), number)

    config = uvicorn.Config(
        app,
        http=Protocol,
        loop="uvloop",
        lifespan="auto",
        log_config=None,
        access_log=settings.access_log,
        timeout_graceful_shutdown=max(1, int(settings.shutdown_s)),
        server_header=False,
        proxy_headers=False,  # http/hosts.py believes them, from trusted proxies only
        callback_notify=every_second,
        timeout_notify=0,  # besides the second after which it is asked
    )
    server = _Ending(config, ending)
    meters.before_reading(sample)
    # uvicorn raises the signal again after its clean end; the end we want is exit status 0
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with suppress(KeyboardInterrupt):
            server.run(sockets=[sock])
    finally:
        signal.signal(signal.SIGTERM, before)
        sock.close()


class _Ending(uvicorn.Server):
    """A server that says that it is about to end."""

    def __init__(self, config: uvicorn.Config, ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._ending = ending

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end."""
        self._ending()
        super().handle_exit(sig, frame)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def _next_free(host: str, port: int) -> int:
    for candidate in range(port + 1, LAST_PORT + 1):
        with suppress(OSError):
            _bind(host, candidate).close()
            return candidate
    raise UsageError(f"no port above {port} is free on {host}")
