"""What tests share: real servers on real sockets, real data."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Any

import httpx
import pytest

from cloudify.testing import free_port

PROJECT = Path(__file__).parents[1]
DEMO = PROJECT / "cloudify" / "demo"
PROGRAMS = ":".join([os.environ["PATH"], "/usr/sbin", *map(str, Path("/usr/lib/postgresql").glob("*/bin"))])
"""Where programs are that tests need; Debian has some where no user's path leads."""


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose program is absent, by name; under CI that is an error."""
    for mark in item.iter_markers("program"):
        (program,) = mark.args
        if shutil.which(program, path=PROGRAMS) is None:
            if os.environ.get("CI") == "true":
                pytest.fail(f"{program} is absent: make system-deps", pytrace=False)
            pytest.skip(f"{program} is absent: make system-deps")


def pytest_addoption(parser: pytest.Parser) -> None:
    """How often tests of what jobs survive do what they do: `make soak` asks for more than the suite."""
    parser.addoption("--counts", type=int, choices=(1, 2, 3), default=1, help="1 few, 2 many, 3 most kills and faults")


@pytest.fixture
def counts(request: pytest.FixtureRequest) -> int:
    """1, 2 or 3: few, many or most repetitions."""
    return int(request.config.getoption("--counts"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have reports say which claim of durability a test is about."""
    for item in items:
        item.user_properties += [
            ("durability", claim) for mark in item.iter_markers("durability") for claim in mark.args
        ]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Name what was skipped, counted."""
    for report in terminalreporter.stats.get("skipped", []):
        terminalreporter.write_line(f"skipped: {report.nodeid}: {report.longrepr[2]}")


@pytest.fixture(scope="session", autouse=True)
def _own_data_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what servers keep for themselves out of the home of who runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data-home")))
        yield


class Process:
    """A server in a process of its own, as a user starts it."""

    def __init__(
        self, arguments: list[str], tmp: Path, env: dict[str, str] | None = None, python: str = sys.executable
    ) -> None:
        self.data_dir = tmp / "data"
        self.log = tmp / "log.txt"
        command = [python, "-m", "cloudify", *arguments, "--port", "0", "--data-dir", str(self.data_dir)]
        ours = ("CLOUDIFY_", "MALLOC_")  # Dask sets the second, for workers of a test's cluster, in this process too
        environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)} | (env or {})
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment, cwd=tmp
            )
        self.printed: list[str] = []
        self.url = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed.append(line.rstrip("\n"))
            if line.startswith("  page "):
                self.url = line.split()[1].rstrip("/")
            if line.startswith("  try "):
                break
        assert self.url, f"no server: {self.printed} {self.log.read_text()}"

    def stop(self) -> int:
        """Ask the server to end and return its exit status."""
        self.process.terminate()
        assert self.process.stdout is not None
        with self.process.stdout:
            self.printed.extend(self.process.stdout.read().splitlines())
        return self.process.wait(timeout=10)


class HostScript:
    """A host script in a process of its own; `command` starts it on the port `port` of 127.0.0.1."""

    def __init__(self, command: list[str], port: int, folder: Path, env: dict[str, str] | None = None) -> None:
        self.port, self.url = port, f"http://127.0.0.1:{port}"
        self.log = folder / "script.txt"
        ours = ("CLOUDIFY_", "ZARR_ADDRESS")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)} | (env or {})
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command], stdout=log, stderr=log, env=environment, cwd=folder
            )
        deadline = monotonic() + 60
        while not self._answers():
            assert self.process.poll() is None, self.log.read_text()
            assert monotonic() < deadline, self.log.read_text()
            sleep(0.05)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health").status_code == 200
        except httpx.ConnectError:
            return False

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)


CLUSTER = """
import sys
from distributed import LocalCluster

if __name__ == "__main__":
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, scheduler_port=int(sys.argv[1]), dashboard_address="127.0.0.1:0",
    )
    print(cluster.scheduler._address, flush=True)
    sys.stdin.read()
"""


class LocalClusterProcess:
    """Two workers with a thread each."""

    def __init__(self, folder: Path) -> None:
        self._script = folder / "cluster.py"
        self._script.write_text(CLUSTER)
        self._port = free_port()
        self.start()

    def start(self) -> None:
        command = [sys.executable, str(self._script), str(self._port)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip()
        assert self.address == f"tcp://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        self._process.communicate("")

    def kill(self) -> None:
        self._process.kill()
        with self._process:
            pass


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalClusterProcess]:
    """A Dask cluster in another process, which a test may kill and start again on the same port."""
    process = LocalClusterProcess(tmp_path_factory.mktemp("cluster"))
    yield process
    process.stop()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Any]:
    """Start a PostgreSQL server when it is asked for, one for all tests."""
    made: list[Any] = []

    def postgres_server() -> Any:
        from databases import PostgresServer  # noqa: PLC0415  # its driver, for those who have the server

        if not made:
            made.append(PostgresServer())
        return made[0]

    yield postgres_server
    for each in made:
        each.stop(signal.SIGQUIT)  # without writing what nobody will read
        shutil.rmtree(each.folder)


@pytest.fixture
def postgres(postgres_server: Any) -> Any:
    """A PostgreSQL server, for tests that have the mark ``program("postgres")``."""
    return postgres_server()


@pytest.fixture
def host_script(tmp_path: Path) -> Iterator[Any]:
    """Start host scripts: ``host_script("script.py", "--port", "{port}")``; they end with the test."""
    started: list[HostScript] = []

    def host_script(*command: str, env: dict[str, str] | None = None, port: int | None = None) -> HostScript:
        port = port or free_port()
        started.append(HostScript([word.format(port=port) for word in command], port, tmp_path, env))
        return started[-1]

    yield host_script
    for script in started:
        script.stop()


@pytest.fixture
def serve_http() -> Iterator[Any]:
    """Start other web servers: ``serve_http(handler)`` returns the URL; they end with the test."""
    with ExitStack() as ends:

        def serve_http(handler: type[BaseHTTPRequestHandler]) -> str:
            httpd = ThreadingHTTPServer(("127.0.0.1", 0), handler)
            thread = Thread(target=httpd.serve_forever)
            thread.start()
            for end in (httpd.server_close, thread.join, httpd.shutdown):  # called last to first
                ends.callback(end)
            return f"http://127.0.0.1:{httpd.server_port}"

        yield serve_http


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """The demo, started once as `cloudify demo`."""
    server = Process(["demo"], tmp_path_factory.mktemp("demo"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def computing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """The demo with functions allowed, without a sandbox; jobs run on a Dask cluster of this machine."""
    env = {"CLOUDIFY_UNSAFE_COMPUTE": "1"}
    server = Process(["demo", "--workers", "2"], tmp_path_factory.mktemp("computing"), env)
    yield server
    server.stop()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    """Start servers of one's own: ``start("serve", "x.nc")``; they end with the test."""
    started: list[Process] = []

    def start(*arguments: str, env: dict[str, str] | None = None, python: str = sys.executable) -> Process:
        folder = tmp_path / f"server{len(started)}"
        folder.mkdir()
        started.append(Process(list(arguments), folder, env, python))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.stop()
