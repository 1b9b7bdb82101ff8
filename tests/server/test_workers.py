"""Several processes on one port: the same answers from each, and none left behind."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import date
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from shutil import copy
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

import psutil
import pytest
from pydantic import SecretStr

from cloudify.catalog.catalog import Catalog, Fault
from cloudify.model.entry import Entry, Link
from cloudify.model.preparation import Preparation
from cloudify.server.orders import Order, catalog_line, read_catalog
from cloudify.server.supervisor import FIRST_PAUSE_S
from cloudify.settings import Settings
from tests.conftest import Process

PROJECT = Path(__file__).parents[2]
TAS = PROJECT / "cloudify" / "demo" / "mpi-esm-tas.nc"
HOST = """
import dask.array as da, numpy as np, xarray as xr
lazy = da.arange(1000, chunks=100) * 2.0
collection = {name: xr.Dataset({"v": ("x", lazy)}) for name in ("lazy-one", "lazy-two")}
"""
WAIT_S = 30.0


def until(happened: Callable[[], Any]) -> Any:
    """Wait until something is true, and return it."""
    deadline = monotonic() + WAIT_S
    while not (found := happened()):
        assert monotonic() < deadline
        sleep(0.02)
    return found


def workers_of(server: Process) -> list[psutil.Process]:
    return psutil.Process(server.process.pid).children()


def everything(server: Process) -> list[psutil.Process]:
    """The supervisor, its workers, and what they started."""
    supervisor = psutil.Process(server.process.pid)
    return [supervisor, *supervisor.children(recursive=True)]


def connect(server: Process) -> HTTPConnection:
    connection = HTTPConnection(server.url.removeprefix("http://"), timeout=20)
    connection.connect()
    return connection


def get(connection: HTTPConnection, path: str) -> tuple[HTTPResponse, bytes]:
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer, answer.read()


def worker_behind(server: Process, connection: HTTPConnection) -> int:
    """The process that has a connection, after its first answer."""
    port = connection.sock.getsockname()[1]
    return next(
        worker.pid
        for worker in workers_of(server)
        for one in worker.net_connections("tcp")
        if one.raddr and one.raddr.port == port
    )


@contextmanager
def one_of_each(server: Process) -> Iterator[list[HTTPConnection]]:
    """A connection to each of two workers."""
    found: dict[int, HTTPConnection] = {}
    with ExitStack() as ends:

        def add() -> bool:
            connection = ends.enter_context(closing(connect(server)))
            for each in (connection, *found.values()):  # those there are must not be idle for long
                assert get(each, "/health")[0].status == 200
            found.setdefault(worker_behind(server, connection), connection)
            return len(found) == 2

        until(add)
        yield list(found.values())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A folder and a host script, served by two workers."""
    folder = tmp_path_factory.mktemp("workers")
    (folder / "archive").mkdir()
    copy(TAS, folder / "archive" / "a b.nc")
    (folder / "host.py").write_text(HOST)
    env = {"CLOUDIFY_ACCESS_LOG": "1", "CLOUDIFY_REREAD_S": "1"}
    server = Process(["serve", "archive", "host.py:collection", "--workers", "2"], folder, env)
    yield server
    assert server.stop() == 0


@pytest.fixture
def each(served: Process) -> Iterator[list[HTTPConnection]]:
    with one_of_each(served) as connections:
        yield connections


def test_each_worker_has_the_same_values_and_versions(each: list[HTTPConnection]) -> None:
    keys = [
        "lazy-two/zarr/v/c/3",
        "lazy-one/zarr/v/c/3",
        "lazy-one/zarr/zarr.json",
        "a-b/zarr/tas/c/0/0/0",
        "a-b/zarr/zarr.json",
        "a-b/kerchunk",
    ]
    first = {key: get(each[0], f"/datasets/{key}") for key in keys}
    other = {key: get(each[1], f"/datasets/{key}") for key in reversed(keys)}
    for key in keys:
        assert first[key][0].status == 200
        assert first[key][1] == other[key][1]
        assert first[key][0].getheader("etag") == other[key][0].getheader("etag"), key
    assert first[keys[0]][0].getheader("etag") != first[keys[1]][0].getheader("etag")


def test_each_line_of_the_log_names_its_worker(served: Process, each: list[HTTPConnection]) -> None:
    for connection in each:
        get(connection, "/ready?who")
    lines = [json.loads(line) for line in served.log.read_text().splitlines()]
    assert {line["worker"] for line in lines if "who" in line["event"]} == {1, 2}


def test_all_workers_hear_what_comes_and_goes(served: Process) -> None:
    """Also one that comes later gives two files of one name the ids that the others give them."""
    other = served.data_dir.parent / "archive" / "a+b.nc"

    def ids() -> list[list[str]]:
        with one_of_each(served) as each:
            return [json.loads(get(connection, "/datasets")[1]) for connection in each]

    other.write_bytes(TAS.read_bytes())
    until(lambda: [len(one) for one in ids()] == [4, 4])
    before = ids()
    assert before[0] == before[1]
    assert "a-b" in before[0]
    with one_of_each(served) as each:
        victim = worker_behind(served, each[0])
    psutil.Process(victim).kill()
    until(lambda: victim not in {worker.pid for worker in workers_of(served)})
    assert ids() == before
    other.unlink()
    until(lambda: [len(one) for one in ids()] == [3, 3])


def test_one_worker_summarises_for_all(each: list[HTTPConnection]) -> None:
    for connection in each:
        until(lambda connection=connection: json.loads(get(connection, "/?f=json")[1])["summarised"]["known"] >= 1)


def meters(connection: HTTPConnection) -> dict[str, float]:
    text = get(connection, "/metrics")[1].decode()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")}


def test_meters_are_those_of_all_workers_also_of_those_that_ended(served: Process) -> None:
    names = [
        'cloudify_requests_total{route="/datasets/{dataset_id}/keys",status="2xx"}',
        'cloudify_requests_total{route="/datasets/{dataset_id}/zarr/{key}",status="4xx"}',
    ]

    def counted() -> list[list[float]]:
        with one_of_each(served) as each:
            return [[meters(connection).get(name, 0.0) for name in names] for connection in each]

    before = counted()[0]
    with one_of_each(served) as each:
        for number, connection in enumerate(each):
            for _ in range(3 + number):
                get(connection, "/datasets/a-b/keys")
                get(connection, "/datasets/a-b/zarr/nothing")
                get(connection, "/datasets/a-b/zarr/nothing")
    after = [before[0] + 7, before[1] + 14]
    until(lambda: counted() == [after, after])
    with one_of_each(served) as each:
        shown = meters(each[0])
        assert {name for name in shown if name.startswith("cloudify_connections")} == {
            'cloudify_connections{worker="1"}', 'cloudify_connections{worker="2"}',
        }  # fmt: skip
        victim = worker_behind(served, each[0])
    psutil.Process(victim).kill()
    until(lambda: victim not in {worker.pid for worker in workers_of(served)})
    assert counted() == [after, after]


def test_a_second_server_is_refused_as_by_one_process(served: Process, tmp_path: Path) -> None:
    port = served.url.rpartition(":")[2]
    for options, said in (
        (["--port", "0", "--data-dir", str(served.data_dir)], "another cloudify server uses the data directory"),
        (["--port", port, "--data-dir", str(tmp_path / "d")], f"port {port} is in use; port "),
    ):
        command = [sys.executable, "-m", "cloudify", "serve", str(TAS), "--workers", "2", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 1
        assert said in done.stderr
        assert done.stderr.count("\n") == 1


class Reader(Thread):
    """Reads on one connection after the other, until told to end."""

    def __init__(self, server: Process, end: Event) -> None:
        super().__init__()
        self._server, self._end = server, end
        self.statuses: list[int] = []
        self.cut = 0
        """Connections that ended under way."""
        self.worker = 0
        self.start()

    def run(self) -> None:
        while not self._end.is_set():
            connection = connect(self._server)
            with suppress(StopIteration):
                self.worker = 0
                get(connection, "/health")
                self.worker = worker_behind(self._server, connection)
            try:
                while not self._end.is_set():
                    self.statuses.append(get(connection, "/datasets/mpi-esm-tas/zarr/tas/c/0/0/0")[0].status)
            except (HTTPException, ConnectionError):
                self.cut += 1
            finally:
                connection.close()


def test_a_worker_that_is_killed_takes_its_connections_and_no_other(start: Any) -> None:
    server = start("serve", str(TAS), "--workers", "2")
    end = Event()
    readers = [Reader(server, end) for _ in range(8)]
    until(lambda: all(reader.worker and len(reader.statuses) > 3 for reader in readers))
    victim = readers[0].worker
    held = sum(reader.worker == victim for reader in readers)
    psutil.Process(victim).kill()
    until(lambda: victim not in {worker.pid for worker in workers_of(server)} and len(workers_of(server)) == 2)
    until(server.log.read_text)
    with one_of_each(server):
        pass
    assert sum(reader.cut for reader in readers) == held
    assert {status for reader in readers for status in reader.statuses} == {200}
    (line,) = map(json.loads, server.log.read_text().splitlines())
    assert line["event"] == "a worker has ended; another takes its place"
    assert (line["status"], line["pause_s"]) == (-9, FIRST_PAUSE_S)
    everyone = everything(server)
    before = monotonic()
    end.set()
    assert server.stop() == 0
    assert monotonic() - before < 5
    assert not [one for one in everyone if one.is_running()]
    for reader in readers:
        reader.join()
    assert server.printed[-1] == "cloudify: ended"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_nothing_outlives_the_supervisor(start: Any, number: signal.Signals) -> None:
    """Nor what workers started: processes that draw. A client that stays does not matter."""
    server = start("serve", str(TAS), "--workers", "2")
    with one_of_each(server) as each:
        for connection in each:
            assert get(connection, "/datasets/mpi-esm-tas/plot/tas/contourf/viridis/")[0].status == 200
        everyone = everything(server)
        assert len(everyone) >= 5
        server.process.send_signal(number)
        _, alive = psutil.wait_procs(everyone[1:], timeout=5)
        assert not alive
    with server.process.stdout as printed:
        printed.read()
    assert server.process.wait(timeout=1) == (0 if number == signal.SIGINT else -number)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("nowhere.nc", "no such target: nowhere.nc; "),
        ("host.py:nothing", "host.py has no 'nothing'; its names are "),
        ("raising.py:collection", "ZeroDivisionError: division by zero"),
        ("ending.py:collection", "ended with status 7 before it could serve"),
    ],
)
def test_what_no_worker_can_serve_is_one_line(tmp_path: Path, target: str, said: str) -> None:
    (tmp_path / "host.py").write_text("number = 3\n")
    (tmp_path / "raising.py").write_text("1 / 0\n")
    (tmp_path / "ending.py").write_text("import os; os._exit(7)\n")
    command = [sys.executable, "-m", "cloudify", "serve", target, "--workers", "2", "--port", "0", "--data-dir", "d"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path)
    assert done.returncode == 1
    *before, line = done.stderr.splitlines()
    assert line.startswith("cloudify: ")
    assert said in line
    assert done.stdout == "cloudify: starting ...\n"
    if target.startswith("raising"):
        assert before[0] == "Traceback (most recent call last):"
        assert len([one for one in before if one.startswith("ZeroDivisionError")]) == 1
    else:
        assert not before


def test_a_supervisor_goes_without_the_science_stack() -> None:
    """It would cost the memory of another worker."""
    code = (
        "import sys, cloudify.server.supervisor, cloudify.server.run, cloudify.compute.lock, cloudify.server.logs\n"
        "heavy = {'xarray', 'numpy', 'fastapi', 'xpublish', 'dask', 'zarr', 'pandas'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_orders_come_over_as_they_are() -> None:
    """Whatever may stand in a catalog: dates in options, names of files that are no UTF-8."""
    link = Link("via", "https://example.org", "there")
    prepare = Preparation(chunks=(("time", 3), ("x", 2)), drop=("a", "b"), keepbits=7, file="c.yaml", line=3)
    options = {"since": date(2005, 1, 16), "roots": ["/a", "/b"], "deep": {"key": 1.5, "none": None}}
    full = Entry(
        "a", "zarr", "/x/\udce9.zarr", keywords=("k", "l"), links=(link,), bbox=(-1.0, 2.0, 3.0, 4.5),
        interval=("2005-01-16T12:00:00Z", "2006-01-16T12:00:00Z"), immutable=True, codec="blosc", options=options,
        fault="no", prepare=prepare,
    )  # fmt: skip
    said = Catalog((full, Entry("b", "netcdf", "/y")), (Fault("c.yaml", 3, "this", "that"),), "all")
    come = read_catalog(json.loads(catalog_line(said)))
    assert come == said
    assert come.entries[0].options == options
    assert (come.entries[0].prepare.file, come.entries[0].prepare.line) == ("c.yaml", 3)
    assert hash(come.entries[0].prepare) == hash(prepare)
    settings = Settings(s3_secret_access_key=SecretStr("x"), workers=3, dask_address="tcp://a:1", s3_anonymous=True)
    order = Order(2, 3, settings, ("host.py:\udce9",), "http://a", ("cloudify", "serve"))
    assert Order.read(order.as_line()) == order


def test_an_option_goes_before_the_environment_in_workers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    order = Order(1, 2, Settings(read_threads=3), (), "", ())
    line = order.as_line()
    monkeypatch.setenv("CLOUDIFY_READ_THREADS", "9")
    assert Order.read(line).settings.read_threads == 3
