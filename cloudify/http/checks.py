"""Checks: what each endpoint can do with a dataset, asked of the plugins themselves."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from cloudify.chunks.hierarchy import Hierarchy
from cloudify.datasets.opened import Opened
from cloudify.errors import UnreadableDatasetError
from cloudify.http.lookup import Lookup
from cloudify.model.finding import Finding


@dataclass(frozen=True, slots=True)
class Checked:
    """A dataset under examination."""

    id: str
    opened: Opened
    hierarchy: Hierarchy


@runtime_checkable
class Checks(Protocol):
    """A plugin that can say what its endpoint does with a dataset."""

    def check(self, checked: Checked) -> Iterable[Finding]:
        """Yield findings: one for the dataset where all is well, else one for each variable that is not."""
        ...


def report(dataset_id: str, lookup: Lookup, plugins: Iterable[object]) -> Iterator[Finding]:
    """Yield what is found out about a dataset. Blocks.

    Raises
    ------
    UnknownDatasetError
        If there is no such dataset.
    """
    try:
        checked = Checked(dataset_id, *lookup.open(dataset_id))
    except UnreadableDatasetError as error:
        yield Finding(
            "open", "", "fails", error.reason, "mend the source or the entry; the server's log has the details"
        )
        return
    yield Finding(
        "open", "", "works", f"{len(checked.hierarchy.arrays)} variables by the opener {checked.opened.entry.driver!r}"
    )
    for plugin in plugins:
        if isinstance(plugin, Checks):
            yield from plugin.check(checked)
