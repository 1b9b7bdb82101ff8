"""The datasets of a server, opened lazily."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cloudify.client.session import Session

if TYPE_CHECKING:
    import xarray as xr


def list_ids(session: Session) -> list[str]:
    """Return the ids of what is served to whoever has this token."""
    found = session.read("/datasets")
    return [str(name) for name in found] if isinstance(found, list) else []


def open_dataset(session: Session, dataset_id: str, group: str | None, chunks: Mapping[str, int]) -> "xr.Dataset":
    """Open a dataset over its zarr store, chunk by chunk; no values are read.

    Raises
    ------
    NotThereError
        If the server has none of this id; a near one is named.
    """
    path = f"/datasets/{quote(dataset_id, safe='')}/zarr"
    inside = f"{quote(group.strip('/'))}/" if group else ""
    session.get(f"{path}/{inside}zarr.json")  # what is wrong is said in a sentence, which zarr would not pass on
    import xarray as xr

    options: dict[str, Any] = {"client_kwargs": {"headers": session.authorization(), "trust_env": not session.is_local}}
    return xr.open_dataset(
        session.url + path, group=group, engine="zarr", chunks=dict(chunks), zarr_format=3, storage_options=options
    )
