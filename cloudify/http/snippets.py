"""What a page shows to copy: one way to read a dataset for each client, each of them executed in the test suite."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from cloudify.datasets.methods import methods_of
from cloudify.http.thumbnails import plot_path
from cloudify.model.entry import Entry


@dataclass(frozen=True, slots=True)
class Snippet:
    """A few lines to copy."""

    client: str
    """What reads, as a heading."""
    language: Literal["python", "javascript", "shell"]
    code: str


def snippets(root: str, dataset_id: str, entry: Entry | None, pictured: str) -> Iterator[Snippet]:
    """Yield the ways to read a dataset, none that it cannot be read by.

    Parameters
    ----------
    root
        Of the server's links.
    entry
        What the catalog says of it; None where no catalog of ours has it.
    pictured
        A variable that has a map; ``""`` for none.
    """
    url = f"{root}/datasets/{dataset_id}"
    call = f'xr.open_dataset(\n    "{url}/{{}}",\n    engine="{{}}", chunks={{{{}}}}{{}},\n)'
    yield Snippet("xarray", "python", "import xarray as xr\nds = " + call.format("zarr", "zarr", ", zarr_format=3"))
    if "kerchunk" in methods_of(entry):
        yield Snippet(
            "xarray, the bytes as they are stored", "python",
            "import xarray as xr\nds = " + call.format("kerchunk", "kerchunk", ""),
        )  # fmt: skip
    yield Snippet(
        "intake", "python",
        f'import intake\nds = intake.open_catalog("{root}/intake.yaml")["{dataset_id}-zarr"].to_dask()',
    )  # fmt: skip
    yield Snippet(
        "pystac", "python",
        "import pystac\n"
        f'item = pystac.Collection.from_file("{root}/stac-collection-all.json").get_item("{dataset_id}")',
    )  # fmt: skip
    yield Snippet(
        "zarrita", "javascript",
        'import * as zarr from "zarrita";\n'
        f'const store = new zarr.FetchStore("{url}/zarr");\n'
        'const group = await zarr.open(await zarr.withConsolidatedMetadata(store), { kind: "group" });',
    )  # fmt: skip
    if entry is not None and entry.driver == "netcdf":
        yield Snippet("netCDF4", "python", f'import netCDF4\nds = netCDF4.Dataset("{url}/source.nc#mode=bytes")')
        yield Snippet("the file itself", "shell", f'curl -o {dataset_id}.nc "{url}/source.nc"')
    if pictured:
        part = f"{url}/subset.nc?var={quote(pictured)}"
        yield Snippet("a variable as netCDF, for cdo, R, Panoply", "shell", f'curl -o {dataset_id}-part.nc "{part}"')
        yield Snippet("a picture", "shell", f'curl -o {dataset_id}.png "{url}/{plot_path(pictured)}"')
