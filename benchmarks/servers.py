"""The servers that are measured: each on a free loopback port, with its own folder, ended by its block."""

import grp
import json
import os
import pwd
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from benchmarks.processes import HOST, Running, find_program, running
from cloudify.testing import free_port

NGINX_CONF = """\
{user}
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    open_file_cache max=10000 inactive=1h;
    open_file_cache_valid 1h;
    default_type application/octet-stream;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen {host}:{port};
        root {root};
    }}
}}
"""


@contextmanager
def serve(*targets: Path | str, settings: Mapping[str, object] = MappingProxyType({})) -> Iterator[Running]:
    """Run `cloudify serve` on files, folders, catalogs or objects of host scripts, with `settings` in its file."""
    with _cloudify("serve", *map(str, targets), settings=settings) as server:
        yield server


@contextmanager
def demo(settings: Mapping[str, object] = MappingProxyType({})) -> Iterator[Running]:
    """Run `cloudify demo`, with `settings` in its file."""
    with _cloudify("demo", settings=settings) as server:
        yield server


@contextmanager
def nginx(root: Path) -> Iterator[Running]:
    """Run nginx with one worker on the files below a folder: the limit.

    Raises
    ------
    MissingProgramError
        If it is not installed.
    """
    program, port = find_program("nginx"), free_port()
    with _folder() as folder:
        conf = folder / "nginx.conf"
        conf.write_text(
            NGINX_CONF.format(user=_nginx_user(), folder=folder, host=HOST, port=port, root=root), encoding="utf-8"
        )
        command = [program, "-e", "stderr", "-p", str(folder), "-c", str(conf)]
        with running(command, url=f"http://{HOST}:{port}/", folder=folder) as server:
            yield server


@contextmanager
def constant(body: Path, status: int = 200) -> Iterator[Running]:
    """Run a bare ASGI application that answers everything with one file's bytes: the limit of Python."""
    with _script("constant.py", str(body), str(status)) as server:
        yield server


@contextmanager
def files(root: Path) -> Iterator[Running]:
    """Run FastAPI with a ``FileResponse`` for each file below a folder."""
    with _script("host_files.py", str(root)) as server:
        yield server


@contextmanager
def host(*arguments: str, python: Path = Path(sys.executable)) -> Iterator[Running]:
    """Run a host script with a plain ``xpublish.Rest``, with the plugins of the environment of `python`."""
    with _script("host_rest.py", *arguments, python=python) as server:
        yield server


@contextmanager
def mixed(store: Path) -> Iterator[Running]:
    """Run the demo beside a dataset that is computed, both with small caches."""
    with _script("host_mixed.py", str(store)) as server:
        yield server


@contextmanager
def _script(name: str, *arguments: str, python: Path = Path(sys.executable)) -> Iterator[Running]:
    """Run a script of this folder, whose last argument is the port."""
    port = free_port()
    command = [str(python), str(Path(__file__).with_name(name)), *arguments, str(port)]
    with _folder() as folder, running(command, url=f"http://{HOST}:{port}/", folder=folder) as server:
        yield server


@contextmanager
def _cloudify(*arguments: str, settings: Mapping[str, object] = MappingProxyType({})) -> Iterator[Running]:
    port = free_port()
    with _folder() as folder:
        (folder / "cloudify.yaml").write_text(json.dumps(dict(settings)), encoding="utf-8")
        options = ["--host", HOST, "--port", str(port), "--data-dir", str(folder / "data")]
        command = [sys.executable, "-m", "cloudify", *arguments, *options]
        with running(command, url=f"http://{HOST}:{port}/health", folder=folder) as server:
            yield replace(server, url=server.url.removesuffix("/health"))


@contextmanager
def _folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="cloudify-bench-") as folder:
        yield Path(folder)


def _nginx_user() -> str:
    """Return the line that lets a worker started by root read our folder; others' workers run as they do."""
    if os.geteuid() != 0:
        return ""
    return f"user {pwd.getpwuid(os.geteuid()).pw_name} {grp.getgrgid(os.getegid()).gr_name};"
