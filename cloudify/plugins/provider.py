"""The datasets of a catalog, opened when somebody asks for them."""

import xarray as xr
from pydantic import ConfigDict
from xpublish.plugins import Plugin, hookimpl

from cloudify.datasets.shelf import Shelf


class ProviderPlugin(Plugin):
    """Provides the shelf's datasets, decoded, to xpublish and its plugins."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str = "cloudify_provider"
    shelf: Shelf

    @hookimpl
    def get_datasets(self) -> list[str]:
        """Return the ids of all entries."""
        return self.shelf.ids()

    @hookimpl
    def get_datatree(self, dataset_id: str, group: str) -> xr.DataTree | None:
        """Return one group with what is below it; None leaves an unknown id to other providers.

        Raises
        ------
        KeyError
            If the dataset has no such group.
        UnreadableDatasetError
            If the dataset cannot be opened.
        """
        return self.shelf.tree(dataset_id, group) if dataset_id in self.shelf else None
