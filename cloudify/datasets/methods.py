"""How the chunks of a dataset are served: which of the routes below it are stores."""

from cloudify.model.entry import Entry

STORED = frozenset({"kerchunk", "netcdf", "series", "zarr"})
"""Drivers whose sources hold chunks that zarr can express as they are."""


def methods_of(entry: Entry | None) -> tuple[str, ...]:
    """Return the routes below a dataset that hold its chunks, the one that always works first; nothing is opened.

    Parameters
    ----------
    entry
        What the catalog says of the dataset; None where no catalog of ours has it.
    """
    return ("zarr", "kerchunk") if entry is not None and entry.driver in STORED else ("zarr",)
