"""Attributes as JSON that every reader parses: no bare NaN, no numpy."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from cloudify.chunks.stored_type import Json, StoredType, float_json

PRIVATE = frozenset({"_xpublish_id"})
"""Attributes that others put on our objects and that are nobody's business."""


def json_attributes(attrs: Mapping[Any, Any], skip: Iterable[str] = ()) -> dict[str, Json]:
    """Return attributes as JSON, in their order."""
    left_out = PRIVATE | set(skip)
    return {str(name): _json(value) for name, value in attrs.items() if name not in left_out}


def drops_nan_marker(attrs: Mapping[Any, Any], stored: StoredType) -> bool:
    """Whether ``missing_value`` is NaN: JSON has no such number, and in a float array NaN is missing by itself."""
    value = attrs.get("missing_value")
    return stored.dtype.kind in "fc" and isinstance(value, float | np.floating) and bool(np.isnan(value))


def _json(value: object) -> Json:  # noqa: PLR0911  # one line a type
    if isinstance(value, np.ndarray | list | tuple):
        return [_json(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float_json(float(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, Mapping):
        return json_attributes(value)
    return None if value is None else str(value)
