"""``cloudify demo`` and ``cloudify serve``."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from cloudify.cli.guard import one_line

if TYPE_CHECKING:
    from cloudify.server.app import Server

DEMO = Path(str(files("cloudify"))) / "demo" / "demo.yaml"
SHOWN_IDS = 12
NONE = "none; name a file, folder, URL or catalog to serve"


def serve_targets(targets: Sequence[str], *, open_page: bool, **options: object) -> None:
    """Serve until told to stop."""
    print("cloudify: starting ...", flush=True)  # the science stack takes seconds to import
    with one_line(), ExitStack() as held:
        with _uncollected():
            from cloudify.server.lock import hold
            from cloudify.server.logs import set_up_logs
            from cloudify.server.run import listen, run
            from cloudify.settings import Settings

            settings = Settings.load(**options)
            sock = listen(settings.host, settings.port)
            set_up_logs(settings)
            held.enter_context(hold(settings.data_dir))
            from cloudify.server.app import Server

            server = Server.of_targets(targets, settings=settings)
        url = settings.root_url or _url(settings.host, sock.getsockname()[1])
        print(describe(server, url), flush=True)
        if open_page:
            import webbrowser

            webbrowser.open(url)
        with server.summary_pass:
            run(server.app, sock, settings)
    print("cloudify: ended", flush=True)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector from what a start makes: it all stays, and looking through it takes a fifth of it."""
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def describe(server: "Server", url: str) -> str:
    """Say what is served, in at most a dozen lines."""
    ids = server.dataset_ids()
    more = f", and {len(ids) - SHOWN_IDS} more" if len(ids) > SHOWN_IDS else ""
    loaded, failed = server.report.loaded, server.report.failed
    lines = [
        f"  page      {url}/",
        f"  datasets  {len(ids)}: {', '.join(ids[:SHOWN_IDS]) or NONE}{more}",
        f"  plugins   {len(loaded)} loaded, {len(failed)} failed",
        *(f"            {plugin.name} failed: {plugin.error}" for plugin in failed),
        *(f"  catalog   {fault}" for fault in server.catalog.faults),
    ]
    if ids:
        opened = f'xr.open_dataset("{url}/datasets/{ids[0]}/zarr", engine="zarr", chunks={{}}, zarr_format=3)'
        lines.append(f"  try       python -c 'import xarray as xr; print({opened})'")
    return "\n".join(["cloudify serves; Ctrl-C ends it", *lines])


def _url(host: str, port: int) -> str:
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{name}:{port}"
