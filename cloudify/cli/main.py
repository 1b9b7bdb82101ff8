"""The command ``cloudify``."""

from importlib.metadata import version
from typing import Annotated

import typer

from cloudify.cli.job import job
from cloudify.cli.token import token

app = typer.Typer(
    name="cloudify",
    help="Turn any data xarray can read into cloud-native datasets over HTTP.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
config = typer.Typer(help="Settings of the server.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(config, name="config")
app.add_typer(job, name="job")
app.add_typer(token, name="token")

Host = Annotated[str | None, typer.Option(help="Address to listen on.  [default: 127.0.0.1]")]
Port = Annotated[
    int | None, typer.Option(help="Port to listen on; 0 takes a free one.  [default: 9000]", max=65535, min=0)
]
DataDir = Annotated[
    str | None, typer.Option(help="Where the server keeps its own files.  [default: $XDG_DATA_HOME/cloudify]")
]
Workers = Annotated[int | None, typer.Option(help="Processes that answer requests.  [default: 1]", max=256, min=1)]
Dask = Annotated[
    str | None,
    typer.Option(
        help="Where jobs run: auto (a cluster of this machine, started when needed), none, or a scheduler's address."
        "  [default: auto]"
    ),
]
RootUrl = Annotated[str | None, typer.Option(help="Public root of the server's links, behind a proxy.")]
Open = Annotated[bool, typer.Option("--open", help="Open the landing page in a browser.")]


@app.command()
def demo(
    host: Host = None, port: Port = None, workers: Workers = None, dask: Dask = None, data_dir: DataDir = None,
    root_url: RootUrl = None, open_page: Open = False,
) -> None:  # fmt: skip
    """Serve the embedded catalog of real climate data."""
    from cloudify.cli.serve import DEMO, serve_targets

    options = {"host": host, "port": port, "workers": workers, "dask": dask, "data_dir": data_dir, "root_url": root_url}
    serve_targets([str(DEMO)], open_page=open_page, is_demo=True, **options)


@app.command()
def serve(
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="TARGET...", help="Files, directories, URLs (.nc, .zarr), catalogs (*.yaml, STAC)."),
    ] = None,
    host: Host = None, port: Port = None, workers: Workers = None, dask: Dask = None, data_dir: DataDir = None,
    root_url: RootUrl = None, open_page: Open = False,
) -> None:  # fmt: skip
    """Serve files, directories, URLs and catalogs."""
    from cloudify.cli.serve import serve_targets

    options = {"host": host, "port": port, "workers": workers, "dask": dask, "data_dir": data_dir, "root_url": root_url}
    serve_targets(targets or [], open_page=open_page, is_demo=False, **options)


@app.command()
def check(
    targets: Annotated[list[str], typer.Argument(metavar="TARGET...", help="As for `serve`.")],
    data_dir: DataDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say per dataset and endpoint what works, or why not and how to fix it."""
    from cloudify.cli.check import check_targets

    check_targets(targets, data_dir=data_dir, as_json=as_json)


@app.command()
def doctor(
    data_dir: DataDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what works here and what does not: versions, plugins, write access, port."""
    from cloudify.cli.doctor import examine

    examine(data_dir=data_dir, as_json=as_json)


@config.command("show")
def config_show(data_dir: DataDir = None) -> None:
    """Print every setting, with where it came from."""
    from cloudify.cli.config import show

    show(data_dir=data_dir)


def _print_version(wanted: bool) -> None:  # noqa: FBT001  # typer's callback
    if wanted:
        print(f"cloudify {version('cloudify-xarray')}")
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Turn any data xarray can read into cloud-native datasets over HTTP."""


def main() -> None:
    """Run the command: exit status 0 good, 1 something is wrong with what was given, 2 bad usage."""
    app()
