"""The command as the person who types it sees it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

PROJECT = Path(__file__).parents[2]
TAS = PROJECT / "cloudify" / "demo" / "mpi-esm-tas.nc"


def cloudify(*arguments: object, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CLOUDIFY_")} | (env or {})
    command = [sys.executable, "-m", "cloudify", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=cwd, env=environment)


def failed(done: subprocess.CompletedProcess[str], status: int = 1) -> str:
    """One line on stderr, no traceback."""
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    if status == 1:
        assert done.stderr.startswith("cloudify: ")
        assert done.stderr.count("\n") == 1
    return done.stderr


def test_help_answers_without_the_science_stack(tmp_path: Path) -> None:
    """Half a second is promised; what costs seconds is not imported, which is what is checked here."""
    code = (
        "import sys; sys.argv = ['cloudify', '--help']\n"
        "from cloudify.cli.main import main\n"
        "try: main()\nexcept SystemExit as end: assert not end.code\n"
        "heavy = {'xarray', 'numpy', 'fastapi', 'xpublish', 'dask', 'zarr', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for command in ("demo", "serve", "doctor", "config"):
        assert f"\n  {command} " in done.stdout


LATE = (
    "dask", "distributed", "scipy", "netCDF4", "h5py", "obstore", "kerchunk",  # for other data
    "cf_xarray", "pyproj", "PIL", "matplotlib", "jinja2", "httpx", "aiohttp",  # for other requests, pages, catalogs
    "structlog", "rich",  # for a line of the log
)  # fmt: skip


def test_a_start_loads_no_library_that_only_some_requests_need(tmp_path: Path) -> None:
    """Up to the first chunk of a zarr store: each of these takes a hundredth of a second or more."""
    code = (
        "import sys\n"
        "from urllib.request import urlopen\n"
        "from cloudify import Server\n"
        "from cloudify.settings import Settings\n"
        "from cloudify.server.logs import set_up_logs\n"
        "from cloudify.testing import running\n"
        "set_up_logs(Settings.load(log_level='warning'))\n"
        f"server = Server({str(PROJECT / 'cloudify' / 'demo' / 'mpi-esm-wind.zarr')!r}, settings=Settings.load())\n"
        "with running(server.app) as url:\n"
        "    assert urlopen(f'{url}/datasets/mpi-esm-wind/zarr/uas/c/0/0/0').status == 200\n"
        "late = set(sys.argv[1:]) & set(sys.modules)\n"
        "assert not late, late\n"
    )
    command = [sys.executable, "-c", code, *LATE]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_garbage_is_collected_again_once_a_start_is_over(tmp_path: Path) -> None:
    code = (
        "import gc\n"
        "import cloudify.server.run as module\n"
        "from cloudify.cli.serve import serve_targets\n"
        "of = lambda: (gc.isenabled(), gc.get_freeze_count() > 10_000)\n"
        "module.run = lambda *_, **__: print('collects', *of())\n"
        f"serve_targets([{str(TAS)!r}], open_page=False, is_demo=False, port=0, data_dir={str(tmp_path)!r})\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "\ncollects True True\n" in done.stdout, done.stderr


def test_bad_usage_is_status_2(tmp_path: Path) -> None:
    for arguments in (
        ["check"],
        ["serve", "--nothing"],
        ["demo", "--port", "x"],
        ["demo", "--port", "70000"],
        ["bake"],
    ):
        failed(cloudify(*arguments, cwd=tmp_path), 2)


def test_a_server_of_nothing_says_so(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "cloudify", "serve", "--port", "0", "--data-dir", str(tmp_path / "d")],
        stdout=subprocess.PIPE, text=True, cwd=tmp_path,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(5)]
        url = lines[2].split()[1]
        assert lines[3] == "  datasets  0: none; name a file, folder, URL or catalog to serve\n"
        ready = httpx.get(f"{url}ready")
        assert (ready.status_code, ready.headers["retry-after"]) == (503, "2")
        assert "Nothing is served yet" in httpx.get(url, headers={"Accept": "text/html"}).text
        process.terminate()
        assert process.stdout.read() == "cloudify: ended\n"
    assert process.returncode == 0


def test_a_busy_port_is_one_line_with_a_free_one(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        said = failed(cloudify("demo", "--port", port, "--data-dir", tmp_path / "d", cwd=tmp_path))
    assert f"port {port} is in use; port " in said
    free = int(said.rsplit("--port ", 1)[1])
    assert free > port
    assert not (tmp_path / "d").exists()


def test_a_second_server_on_a_data_directory_is_told_a_free_one(demo: Any, tmp_path: Path) -> None:
    said = failed(cloudify("demo", "--port", 0, "--data-dir", demo.data_dir, cwd=tmp_path))
    assert f"another cloudify server uses the data directory {demo.data_dir}" in said
    assert said.strip().endswith(f"--data-dir {demo.data_dir}-2")
    assert httpx.get(f"{demo.url}/health").status_code == 200


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.nc"], "no such target: nowhere.nc; expected a file, a directory, a URL or a catalog (*.yaml, STAC)"),
        (["x.txt"], "cannot tell what"),
        (["--host", "192.0.2.1", "x.nc"], "cannot listen on 192.0.2.1 port 0: "),
        (["--root-url", "data.example.org", "x.nc"], "setting 'root_url' (option): "),
        (["--data-dir", "/proc/nothing", "x.nc"], "the data directory /proc/nothing cannot be written"),
    ],
)
def test_what_cannot_be_served_is_one_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    (tmp_path / "x.txt").write_text("hello")
    (tmp_path / "x.nc").write_bytes(TAS.read_bytes())
    extra = [] if "--data-dir" in arguments else ["--data-dir", str(tmp_path / "d")]
    assert said in failed(cloudify("serve", "--port", 0, *extra, *arguments, cwd=tmp_path))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_five_seconds_with_status_0(start: Any, number: signal.Signals) -> None:
    server = start("serve", str(TAS))
    assert httpx.get(f"{server.url}/datasets").json() == ["mpi-esm-tas"]
    before = time.monotonic()
    server.process.send_signal(number)
    assert server.process.wait(timeout=10) == 0
    assert time.monotonic() - before < 5
    assert server.log.read_text() == ""
    with server.process.stdout as printed:
        assert printed.read() == "cloudify: ended\n"


def test_an_idle_connection_does_not_hold_the_end(start: Any) -> None:
    server = start("serve", str(TAS))
    with httpx.Client(base_url=server.url) as client:
        assert client.get("/health").status_code == 200
        before = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - before < 5


def test_catalog_faults_are_printed_and_the_rest_is_served(start: Any, tmp_path: Path) -> None:
    catalog = tmp_path / "c.yaml"
    catalog.write_text(f"datasets:\n  good: {{href: {TAS}}}\n  bad:\n    title: no href\n")
    server = start("serve", str(catalog))
    assert f"{catalog}:4: expected the key `href`, found none" in "\n".join(server.printed)
    assert httpx.get(f"{server.url}/datasets").json() == ["good", "bad"]
    answer = httpx.get(f"{server.url}/datasets/bad/zarr/zarr.json")
    assert answer.status_code == 502
    assert "its catalog entry is faulty (line 4: expected the key `href`)" in answer.json()["detail"]
    assert httpx.get(f"{server.url}/datasets/good/zarr/tas/c/0/0/0").status_code == 200


def test_logs_are_json_lines_with_the_request_id_when_nobody_watches(start: Any, tmp_path: Path) -> None:
    (tmp_path / "x.nc").write_text("no netCDF")
    server = start("serve", str(tmp_path / "x.nc"))
    answer = httpx.get(f"{server.url}/datasets/x/zarr/zarr.json", headers={"X-Request-ID": "0" * 31 + "7"})
    assert answer.status_code == 502
    (line,) = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert line["event"] == "dataset cannot be opened"
    assert (line["level"], line["dataset"]) == ("warning", "x")
    assert line["request_id"] == answer.json()["request-id"] == answer.headers["x-request-id"] == "0" * 31 + "7"
    assert "Traceback" in line["exception"]


def test_doctor_finds_all_well(tmp_path: Path) -> None:
    done = cloudify("doctor", "--data-dir", tmp_path / "d", "--json", cwd=tmp_path, env={"CLOUDIFY_PORT": "0"})
    rows = json.loads(done.stdout)
    assert done.returncode == 0, [row for row in rows if not row["good"]]
    assert {"version", "plugin", "opener", "write", "port"} == {row["topic"] for row in rows}
    text = cloudify("doctor", "--data-dir", tmp_path / "d", cwd=tmp_path, env={"CLOUDIFY_PORT": "0"}).stdout
    assert len(text.splitlines()) == len(rows)
    assert all(line.startswith("ok  ") for line in text.splitlines())


def test_doctor_names_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        done = cloudify("doctor", "--data-dir", tmp_path / "file", cwd=tmp_path, env={"CLOUDIFY_PORT": port})
    assert done.returncode == 1
    wrong = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert len(wrong) == 2
    assert "choose another: --data-dir DIR" in wrong[0]
    assert f"port {port} is in use" in wrong[1]


def test_config_says_where_each_setting_came_from(tmp_path: Path) -> None:
    (tmp_path / "cloudify.yaml").write_text("read_threads: 3\nport: 1234\n")
    done = cloudify("config", "show", "--data-dir", "here", cwd=tmp_path, env={"CLOUDIFY_PORT": "4321"})
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert lines["port"].split()[1] == "4321"
    assert lines["port"].endswith("(environment CLOUDIFY_PORT)")
    assert lines["read_threads"].split()[1] == "3"
    assert lines["read_threads"].endswith("(file cloudify.yaml)")
    assert lines["data_dir"].endswith("(option)")
    assert lines["host"].endswith("(default)")


@pytest.mark.parametrize(
    ("file", "env", "said"),
    [
        ("prot: 1\n", {}, "setting 'prot' (file cloudify.yaml): Extra inputs are not permitted"),
        ("port: many\n", {}, "setting 'port' (file cloudify.yaml): Input should be a valid integer"),
        ("", {"CLOUDIFY_PORT": "x"}, "setting 'port' (environment CLOUDIFY_PORT): Input should be a valid integer"),
        ("- 1\n", {}, "settings file cloudify.yaml: expected lines of `name: value`"),
        ("a: [\n", {}, "settings file cloudify.yaml cannot be read"),
    ],
)
def test_a_wrong_setting_is_one_line(tmp_path: Path, file: str, env: dict[str, str], said: str) -> None:
    (tmp_path / "cloudify.yaml").write_text(file)
    done = cloudify("config", "show", cwd=tmp_path, env=env)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
