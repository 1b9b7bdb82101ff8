"""``module:name`` and ``host.py:name`` of the command line: datasets made by a Python host script."""

import importlib
import importlib.util
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

import xarray as xr
from cloudpickle import register_pickle_by_value
from xpublish.rest import Rest

from cloudify.errors import InvalidTargetError
from cloudify.server.object_names import OBJECT

MODULE_NAME = "__host__.__main__"
"""What a host script is called while it is imported: not ``__main__``, so that what it guards does not run.

But with that word in it: only then does ``distributed`` look for functions that must be sent by value.
"""

Datasets = dict[str, xr.Dataset | xr.DataTree]


def load_objects(targets: Iterable[str]) -> Datasets:
    """Return the datasets of several targets, as `load_object`; of two of the same id the last."""
    found: Datasets = {}
    for target in targets:
        found |= load_object(target)
    return found


def load_object(target: str) -> Datasets:
    """Import a host script or module and return the datasets that it names.

    Whatever the script itself raises is its own failure, and comes with its traceback.

    Raises
    ------
    InvalidTargetError
        If there is no such script, module or name, or if the name is no dict of datasets and no ``xpublish.Rest``.
    """
    match = OBJECT.fullmatch(target)
    if match is None:
        raise InvalidTargetError(f"no object of a module: {target}; expected module:name or host.py:name")
    module = _import(match["module"])
    if not hasattr(module, match["name"]):
        names = ", ".join(sorted(name for name in vars(module) if not name.startswith("_"))) or "none"
        raise InvalidTargetError(f"{match['module']} has no {match['name']!r}; its names are {names}")
    found = getattr(module, match["name"])
    datasets = found._datasets if isinstance(found, Rest) else found  # noqa: SLF001  # Rest offers them to nobody
    if isinstance(datasets, Mapping) and all(isinstance(ds, xr.Dataset | xr.DataTree) for ds in datasets.values()):
        return {str(name): ds for name, ds in datasets.items()}
    raise InvalidTargetError(
        f"{target} is a {type(found).__name__}; expected a dict of xarray datasets by id, or an xpublish.Rest"
    )


def _import(name: str) -> ModuleType:
    if name.endswith(".py"):
        path = Path(name)
        spec = importlib.util.spec_from_file_location(MODULE_NAME, path) if path.is_file() else None
        if spec is None or spec.loader is None:
            raise InvalidTargetError(f"no such host script: {name}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[MODULE_NAME] = module
        sys.path.insert(0, str(path.resolve().parent))  # a script finds the modules beside it
        spec.loader.exec_module(module)
        register_pickle_by_value(module)  # workers of a cluster have no module of this name
        return module
    sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and name.startswith(error.name):
            raise InvalidTargetError(
                f"no module {name!r}; a host script is named with its ending: host.py:name"
            ) from None
        raise
