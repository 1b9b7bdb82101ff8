"""Dynamic datasets: ids from a folder, opened when somebody asks for them, found as soon as they are there.

::

    rest = xpublish.Rest({})
    rest.register_plugin(DynamicProvider(pattern="/data/{id}.nc"))
"""

from typing import Any

import xarray as xr
from pydantic import ConfigDict, Field, PrivateAttr
from xpublish.plugins import Plugin, hookimpl

from cloudify.datasets.pattern import Pattern, PatternShelf
from cloudify.settings import Settings, load_settings


class DynamicProvider(Plugin):
    """Provides what lies in a folder, to a plain ``xpublish.Rest`` and to ``cloudify.Server(..., plugins=[...])``.

    An id is one segment of a path and by its grammar cannot leave the folder; nor can a link there. What is not there
    is left to other providers.

    Raises
    ------
    InvalidTargetError
        If the pattern is none.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str = "cloudify_dynamic"
    """Another one for each, where a server has several."""
    pattern: str
    """A path with one ``{id}``, such as ``/data/{id}.nc`` or ``/data/{id}/out.zarr``, or a folder."""
    driver: str = ""
    """Opener of all of them; by default by the ending, else by the first bytes."""
    settings: Settings = Field(default_factory=load_settings)

    _shelf: PatternShelf = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:  # noqa: ANN401  # pydantic's
        """Make the shelf; nothing is opened, and the folder need not be there yet."""
        super().model_post_init(context)
        self._shelf = PatternShelf(
            Pattern.parse(self.pattern),
            driver=self.driver,
            limit=self.settings.open_datasets,
            check_s=self.settings.token_check_s,
            timeout_s=self.settings.remote_timeout_s,
            settings=self.settings,
        )

    @property
    def shelf(self) -> PatternShelf:
        """Where the byte path finds the datasets."""
        return self._shelf

    @hookimpl
    def get_datasets(self) -> list[str]:
        """Return the ids of what is in the folder, at most so many."""
        return self._shelf.ids()

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
        return self._shelf.tree(dataset_id, group) if dataset_id in self._shelf else None
