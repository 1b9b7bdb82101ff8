"""Results, written and opened."""

from collections.abc import Callable
from pathlib import Path

import pytest
import xarray as xr

from cloudify.datasets.open import open_entry
from cloudify.model.entry import Entry
from cloudify.settings import Settings
from tests.compute.results.made import Folder


@pytest.fixture
def blobs(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def opened(blobs: Folder) -> Callable[[str], xr.Dataset]:
    """Open the root of a result, decoded, in memory."""

    def opened(sha256: str) -> xr.Dataset:
        entry = Entry("job-1", "result", str(blobs.path(sha256)), immutable=True)
        found = open_entry(entry, timeout_s=5, settings=Settings.load())
        return found.tree.to_dataset().load()

    return opened
