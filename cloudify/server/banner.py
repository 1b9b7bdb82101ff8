"""What a server says of itself when it starts."""

from cloudify.server.app import Server

SHOWN_IDS = 12
UNSAFE = "run without a sandbox: whoever may compute may do whatever this server may"
NONE = "none; name a file, folder, URL or catalog to serve"


def describe(server: Server, url: str, workers: int = 1) -> str:
    """Say what is served, in at most a dozen lines."""
    ids = server.dataset_ids()
    more = f", and {len(ids) - SHOWN_IDS} more" if len(ids) > SHOWN_IDS else ""
    loaded, failed = server.report.loaded, server.report.failed
    lines = [
        f"  page      {url}/",
        f"  datasets  {len(ids)}: {', '.join(ids[:SHOWN_IDS]) or NONE}{more}",
        f"  plugins   {len(loaded)} loaded, {len(failed)} failed",
        *(f"            {plugin.name} failed: {plugin.error}" for plugin in failed),
        *([f"  workers   {workers}"] if workers > 1 else []),
        *(f"  catalog   {fault}" for fault in server.catalog.faults),
        *([f"  functions {UNSAFE}"] if server.settings.unsafe_compute else []),
    ]
    if ids:
        opened = f'xr.open_dataset("{url}/datasets/{ids[0]}/zarr", engine="zarr", chunks={{}}, zarr_format=3)'
        lines.append(f"  try       python -c 'import xarray as xr; print({opened})'")
    return "\n".join(["cloudify serves; Ctrl-C ends it", *lines])
