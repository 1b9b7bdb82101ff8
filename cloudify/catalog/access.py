"""How catalogs of other kinds say that a source is reached: fsspec's storage options."""

from collections.abc import Mapping
from typing import Any

from cloudify.catalog.unfit import UnfitError, mapping, shown

ACCESS = {
    "anon": "anonymous", "key": "access_key_id", "secret": "secret_access_key", "endpoint_url": "endpoint_url",
    "region_name": "region", "headers": "headers",
}  # fmt: skip
"""fsspec's storage options -> those of our openers."""
_KINDS: Mapping[str, type] = {"anon": bool, "headers": Mapping}


def access(storage: Mapping[str, Any]) -> dict[str, object]:
    """Return fsspec's storage options as the options of our openers.

    Raises
    ------
    UnfitError
        If there are others than those.
    """
    flat = {name: value for name, value in storage.items() if name != "client_kwargs"}
    flat |= mapping(storage.get("client_kwargs") or {}, "client_kwargs")
    unknown = sorted(str(name)[:40] for name in flat if name not in ACCESS)
    if unknown:
        raise UnfitError(f"storage options among {', '.join(ACCESS)}", ", ".join(unknown)[:80])
    for name, value in flat.items():
        if value is not None and not isinstance(value, _KINDS.get(name, str)):
            raise UnfitError(f"a value for the storage option {name}", shown(value))
    return {ACCESS[name]: value for name, value in flat.items() if value is not None}
