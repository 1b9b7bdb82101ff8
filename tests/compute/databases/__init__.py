"""A PostgreSQL server of our own."""

import os
import pwd
import shutil
import signal
import subprocess
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from time import monotonic, sleep
from typing import Any

import psycopg

PROGRAMS = ":".join([os.environ["PATH"], *map(str, Path("/usr/lib/postgresql").glob("*/bin"))])
NOBODY = "nobody"
"""PostgreSQL refuses to run as root."""
_numbers = count(1)


class PostgresServer:
    """A PostgreSQL server on a socket of its own, in the order of English, which is not that of code points."""

    def __init__(self) -> None:
        self.folder = Path(mkdtemp(prefix="cloudify-pg-"))  # the name of a socket has to be short
        self._who: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam(NOBODY)
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        order = ["--locale-provider=icu", "--icu-locale=en", "--locale=C.UTF-8", "--encoding=UTF8"]
        self._run("initdb", "-D", "data", "-U", "cloudify", "--auth=trust", "--no-sync", *order)
        self.start()

    def _run(self, program: str, *arguments: str) -> None:
        command = [shutil.which(program, path=PROGRAMS) or program, *arguments]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True, timeout=60, **self._who)

    def start(self) -> None:
        options = ["-F", "-c", "listen_addresses=", "-c", "max_connections=50", "-c", "shared_buffers=32MB"]
        command = [
            shutil.which("postgres", path=PROGRAMS) or "postgres",
            "-D",
            "data",
            "-k",
            str(self.folder),
            *options,
        ]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, **self._who)
        deadline = monotonic() + 30
        while not self._answers():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert monotonic() < deadline
            sleep(0.02)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def url(self, database: str) -> str:
        return f"postgresql://cloudify@/{database}?host={self.folder}"

    def new(self) -> str:
        """Make a database; returns its URL."""
        name = f"test{next(_numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]  # a name of ours
        return self.url(name)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End, whoever is connected."""
        self.process.send_signal(how)
        self.process.wait(timeout=20)
