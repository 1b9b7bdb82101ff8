"""cloudify: turns any data xarray can read into cloud-native datasets over HTTP.

>>> import cloudify
>>> server = cloudify.Server({"air": dataset})  # doctest: +SKIP
>>> server.serve()  # doctest: +SKIP
>>> cloudify.connect("http://127.0.0.1:9000").datasets()  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloudify.client.connect import connect as connect
    from cloudify.server.app import Server as Server

__version__ = "0.1.0"
__all__ = ["Server", "__version__", "connect"]

_HOMES = {"Server": "cloudify.server.app", "connect": "cloudify.client.connect"}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used (PEP 562), so that ``import cloudify`` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'cloudify' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
