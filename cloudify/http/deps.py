"""What a handler may ask for, by annotation: ``def handler(ds: Dataset)``.

Works under ``cloudify.Server`` and under a plain ``xpublish.Rest({...})``. Datasets come decoded, and are read-only.
"""

from typing import Annotated

import xarray as xr
from fastapi import Depends
from xpublish.dependencies import get_dataset, get_dataset_ids, get_datatree

DatasetIds = Annotated[list[str], Depends(get_dataset_ids)]
Dataset = Annotated[xr.Dataset, Depends(get_dataset)]
DataTree = Annotated[xr.DataTree, Depends(get_datatree)]
