"""The environment and the settings file, as they are; `cloudify.settings` says what they mean."""

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from secrets import token_hex

import yaml

from cloudify.errors import InvalidSettingError

ENV_PREFIX = "CLOUDIFY_"
ALIASES = {"dask_address": "ZARR_ADDRESS"}
"""Setting -> variable of the environment that host scripts know it by; ours wins."""

TOKEN_VARIABLE = f"{ENV_PREFIX}TOKEN"
"""No setting: what a client shows to a server."""
DEMO_TOKEN_NAME = "demo-token"  # noqa: S105  # the name of a file
"""File in the data directory, mode 0600, where the demo leaves its token for clients on this machine."""

START_VARIABLE = f"{ENV_PREFIX}START"
"""No setting: a supervisor gives it to its workers."""


def default_data_dir() -> Path:
    """``$XDG_DATA_HOME/cloudify``, by the XDG base directory specification."""
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(home).expanduser() / "cloudify"


def client_token() -> str:
    """Return the token of the environment, ``""`` without one."""
    return os.environ.get(TOKEN_VARIABLE, "")


def read_aliases() -> dict[str, object]:
    """Return the settings that the environment has under their other names."""
    return {name: os.environ[alias] for name, alias in ALIASES.items() if alias in os.environ}


@lru_cache(maxsize=1)
def start_token() -> str:
    """Return what tells one start of the server from another: random, the same in all its workers."""
    return os.environ.get(START_VARIABLE) or token_hex(8)


def worker_environment(own: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a worker of this server: ours, what it has in common with the others, and its own."""
    return {**os.environ, START_VARIABLE: start_token(), **own}


def child_environment(own: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a helper process: ours without settings, which it has no use for, and its own."""
    return {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)} | dict(own)


def settings_file() -> Path:
    """The settings file, whether it exists or not."""
    return Path(os.environ.get(f"{ENV_PREFIX}CONFIG") or "cloudify.yaml")


def read_file() -> dict[str, object]:
    """Return what the settings file says, ``{}`` without one."""
    path = settings_file()
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidSettingError(f"settings file {path} cannot be read: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InvalidSettingError(f"settings file {path}: expected lines of `name: value`")
    return {str(name): value for name, value in content.items()}
