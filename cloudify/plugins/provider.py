"""The datasets of a catalog, opened when somebody asks for them."""

import xarray as xr
from pydantic import ConfigDict
from xpublish.plugins import Plugin, hookimpl

from cloudify.datasets.shelf import Shelf
from cloudify.http.access import has_readable, look_beyond, readable_ids


class ProviderPlugin(Plugin):
    """Provides the shelf's datasets, decoded, to xpublish and its plugins: those that whoever asks may read."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str = "cloudify_provider"
    shelf: Shelf

    @hookimpl
    def get_datasets(self) -> list[str]:
        """Return the ids of all entries that whoever asks may read."""
        return readable_ids(self.shelf)

    @hookimpl
    def get_datatree(self, dataset_id: str, group: str) -> xr.DataTree | None:
        """Return one group with what is below it; None leaves an id that is not there for them to other providers.

        Raises
        ------
        KeyError
            If the dataset has no such group.
        UnreadableDatasetError
            If the dataset cannot be opened.
        """
        look_beyond(self.shelf, dataset_id)
        return self.shelf.tree(dataset_id, group) if has_readable(self.shelf, dataset_id) else None
