"""A worker as its supervisor sees it: `worker` is the other end."""

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from cloudify.server.orders import Order
from cloudify.settings.environment import worker_environment

LINE_NBYTES = 2**24
"""Longest line of a worker: the ids of all objects of a host script."""


class RemoteWorker:
    """One process, the first of a process group of its own, so that what it started can be ended with it."""

    def __init__(self, process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._process, self._reader, self._writer = process, reader, writer

    @classmethod
    async def start(cls, order: Order, listening: socket.socket) -> "RemoteWorker":
        """Start a fresh interpreter; nothing that this process has in memory goes with it."""
        ours, theirs = socket.socketpair()
        with theirs:
            files = theirs.fileno(), listening.fileno()
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "cloudify.server.worker", *map(str, files),
                stdin=asyncio.subprocess.DEVNULL, pass_fds=files, process_group=0,
                env=worker_environment({"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}),
            )  # fmt: skip
        worker = cls(process, *await asyncio.open_connection(sock=ours, limit=LINE_NBYTES))
        worker.tell(order.as_line())
        return worker

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def tell(self, line: bytes) -> None:
        """Say something to it; does not wait until it is heard."""
        if not self._writer.is_closing():
            self._writer.write(line)

    async def reports(self) -> AsyncIterator[dict[str, Any]]:
        """Yield what it says, until it ends."""
        with suppress(ConnectionError):
            while line := await self._reader.readline():
                yield json.loads(line)

    async def ended(self) -> int:
        """Wait until it has ended, with all that it started, and return its exit status."""
        status = await self._process.wait()
        self.kill()
        self._writer.close()
        return status

    def end(self) -> None:
        """Tell it to end: requests under way may finish."""
        with suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self) -> None:
        """End it and all that it started, at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
