"""What a call gives -> JSON."""

import json

from cloudify.errors import InvalidCallError


def encode(value: object) -> bytes:
    """Write JSON; scalars and arrays of numpy as the numbers they hold.

    Raises
    ------
    InvalidCallError
        If it is not JSON.
    """
    try:
        return json.dumps(value, allow_nan=False, default=_plain, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidCallError(_told(error)) from error


def _plain(value: object) -> object:
    if callable(listed := getattr(value, "tolist", None)):
        return listed()
    raise TypeError(f"a value of type {type(value).__name__} cannot be sent: JSON has none; send e.g. text")


def _told(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "a value cannot be sent: it is nested too deep"
    if "JSON compliant" in str(error):
        return "NaN and infinities cannot be sent: JSON has none; None says that a value is missing"
    return str(error) if isinstance(error, TypeError) else f"a value cannot be sent: {error}"
