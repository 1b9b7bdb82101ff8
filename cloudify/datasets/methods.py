"""How the chunks of a dataset are served: which of the routes below it are stores."""

from cloudify.model.entry import Entry

STORED = frozenset({"kerchunk", "netcdf", "result", "series", "zarr"})
"""Drivers whose sources hold chunks that zarr can express as they are."""


def methods_of(entry: Entry | None) -> tuple[str, ...]:
    """Return the routes below a dataset that hold its chunks, the one that always works first; nothing is opened.

    Parameters
    ----------
    entry
        What the catalog says of the dataset; None where no catalog of ours has it.
    """
    return ("zarr",) if entry is None or without_stored_bytes(entry) else ("zarr", "kerchunk")


def without_stored_bytes(entry: Entry) -> str:
    """Return why no stored bytes can stand for a dataset, ``""`` where they may; only its source tells for certain."""
    if entry.is_prepared:
        return "its catalog has it prepared, so what is served is not what is stored"
    return "" if entry.driver in STORED else f"what the driver {entry.driver!r} reads is decoded by us"
