"""Row ``half-open``: 300 clients that never finish the head of a request are gone in time, and hold up nobody."""

import select
import socket
from contextlib import ExitStack, suppress
from time import monotonic
from urllib.parse import urlsplit

from benchmarks.ending import end_in_time
from benchmarks.health import Health
from benchmarks.servers import demo
from benchmarks.tally import Tally

CONNECTIONS = 300
GONE_S = 15.0
BEGINNINGS = (b"", b"G", b"GET /health HTTP/1.1\r\nHost: loc", b"\r\n")
"""What they send before they fall silent; every other of them goes on, a byte a second."""
DRIP = b"x"
READ_NBYTES = 65_536


def run(_seconds: float, _seed: int) -> Tally:
    """Open all connections and watch them go; that takes as long as the server lets it."""
    tally = Tally()
    with demo() as server:
        with Health(server.url, tally), ExitStack() as ends:
            gone_s = _watch(server.url, ends, tally)
        tally.answered("cut off", len(gone_s))
        tally.answered("still open", CONNECTIONS - len(gone_s))
        if gone_s:
            tally.notes.append(
                f"{len(gone_s)} of {CONNECTIONS} connections were gone after {min(gone_s):.1f} to {max(gone_s):.1f} s"
            )
        if len(gone_s) < CONNECTIONS:
            tally.failed(f"{CONNECTIONS - len(gone_s)} half-open connections were there after {GONE_S:.0f} s")
        end_in_time(server, tally)
    return tally


def _watch(url: str, ends: ExitStack, tally: Tally) -> list[float]:
    """Return after how many seconds each connection ended, of those that did."""
    parts = urlsplit(url)
    begun = monotonic()
    poll, socks = select.poll(), {}
    for number in range(CONNECTIONS):
        sock = ends.enter_context(socket.create_connection((parts.hostname or "", parts.port or 80)))
        sock.sendall(BEGINNINGS[number % len(BEGINNINGS)])
        sock.setblocking(False)  # noqa: FBT003
        poll.register(sock, select.POLLIN)
        socks[sock.fileno()] = sock
    slow, gone_s, last_drip = list(socks.values())[::2], list[float](), begun
    while socks and monotonic() - begun < GONE_S:
        for number, _ in poll.poll(100):
            if _has_ended(socks[number], tally):
                poll.unregister(number)
                del socks[number]
                gone_s.append(monotonic() - begun)
        if monotonic() - last_drip >= 1:
            last_drip = monotonic()
            for sock in slow:
                with suppress(OSError):  # cut off already
                    sock.sendall(DRIP)
    return gone_s


def _has_ended(sock: socket.socket, tally: Tally) -> bool:
    try:
        said = sock.recv(READ_NBYTES)
    except ConnectionError:
        return True
    if said and not said.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 408 ")):
        tally.failed(f"a request that never was is answered: {said[:100]!r}")
    return not said
