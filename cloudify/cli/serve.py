"""``cloudify demo`` and ``cloudify serve``."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from cloudify.cli.guard import one_line

if TYPE_CHECKING:
    from socket import socket

    from cloudify.server.app import Server
    from cloudify.settings import Settings

DEMO = Path(str(files("cloudify"))) / "demo" / "demo.yaml"


def serve_targets(targets: Sequence[str], *, open_page: bool, is_demo: bool, **options: object) -> None:
    """Serve until told to stop; the demo leaves a token for clients on this machine, where functions are run."""
    print("cloudify: starting ...", flush=True)  # the science stack takes seconds to import
    with one_line():
        from cloudify.server.garbage import uncollected

        with uncollected():
            from cloudify.compute.lock import hold
            from cloudify.server.logs import set_up_logs
            from cloudify.server.run import listen
            from cloudify.settings import Settings

            settings = Settings.load(**_with_dask(options))
            sock = listen(settings.host, settings.port)
            set_up_logs(settings)
        url = settings.root_url or _url(settings.host, sock.getsockname()[1])

        def announce(banner: str) -> None:
            print(banner, flush=True)
            if open_page:
                import webbrowser

                webbrowser.open(url)

        with hold(settings.data_dir):
            if is_demo and settings.unsafe_compute:
                from cloudify.server.demo_token import leave_demo_token

                print(f"cloudify: who has the token in {leave_demo_token(settings)} may run functions", flush=True)
            if settings.workers > 1:
                from cloudify.server.supervisor import Supervisor

                Supervisor(sock, settings, targets, url, announce).run()
            else:
                _serve_alone(sock, settings, targets, url, announce)
    print("cloudify: ended", flush=True)


def _serve_alone(
    sock: "socket", settings: "Settings", targets: Sequence[str], url: str, announce: Callable[[str], None]
) -> None:
    """Serve in this process."""
    from cloudify.server.garbage import uncollected

    with uncollected():
        from cloudify.server.app import Server
        from cloudify.server.banner import describe
        from cloudify.server.run import run

        server = Server.of_targets(targets, settings=settings, runs_engine=False)
    announce(describe(server, url))
    with server.summary_pass, _engine(server, targets, url) as end_engine:
        run(server.app, sock, settings, server.meters, ending=end_engine)


@contextmanager
def _engine(server: "Server", targets: Sequence[str], url: str) -> Iterator[Callable[[], None]]:
    """Have a process run jobs until the block ends, if functions are run at all; the value tells it to end."""
    if not server.settings.unsafe_compute:
        yield lambda: None
        return
    from cloudify.server.engine_process import ENGINE, EngineProcess
    from cloudify.server.object_names import is_object
    from cloudify.server.orders import Order, catalog_line, end_s

    objects = tuple(target for target in targets if is_object(target))
    engine = EngineProcess(Order(ENGINE, 1, server.settings, objects, url, tuple(sys.argv)))
    server.when_adopted = lambda said: engine.tell(catalog_line(said))
    engine.start(catalog_line(server.said))
    try:
        yield engine.end
    finally:
        engine.end()
        engine.join(end_s(server.settings))


def _with_dask(options: dict[str, object]) -> dict[str, object]:
    """Return options with an address given as ``--dask`` under the name of its setting."""
    dask = options.get("dask")
    return options if dask in {None, "auto", "none"} else {**options, "dask": None, "dask_address": dask}


def _url(host: str, port: int) -> str:
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{name}:{port}"
