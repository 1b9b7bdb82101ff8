"""When values are the same."""

import numpy as np

from clients.base import Array

FLOAT32_ROUNDING = float(np.finfo(np.float32).eps)


def texts(values: Array) -> list[str]:
    """Return text of any type; what is missing is the empty text, which is what zarr has for it."""
    return ["" if item is None or item != item else str(item) for item in np.asarray(values).ravel().tolist()]


def stored_the_same(read: Array, held: Array) -> str:
    """Say how values differ, bit for bit but for byte order; ``""`` if they do not."""
    read = np.asarray(read)
    if held.dtype.kind in "OUT":
        if read.dtype.kind not in "OUT":
            return f"type {read.dtype}, not text"
        return "" if read.shape == held.shape and texts(read) == texts(held) else "other text"
    if read.dtype.newbyteorder("=") != held.dtype.newbyteorder("="):
        return f"type {read.dtype}, not {held.dtype}"
    if read.shape != held.shape:
        return f"shape {read.shape}, not {held.shape}"
    same = read.astype(read.dtype.newbyteorder("<")).tobytes() == held.astype(held.dtype.newbyteorder("<")).tobytes()
    return "" if same else "other values"


def meant_the_same(read: Array, held: Array) -> str:
    """Say how decoded values differ; packed ones may by one rounding to float32."""
    read = np.asarray(read)
    if read.dtype.kind == "M" and held.dtype.kind == "O":  # times that numpy has too
        held = np.array([np.datetime64(time.isoformat()) for time in held.ravel()], read.dtype).reshape(held.shape)
    if held.dtype.kind in "OUT" and read.dtype.kind in "OUT":
        equal = read.shape == held.shape and texts(read) == texts(held)
        return "" if equal else "other text or times"
    if read.shape != held.shape or (read.dtype.kind != held.dtype.kind):
        return f"{read.dtype}{read.shape}, not {held.dtype}{held.shape}"
    if read.dtype.kind in "fc":
        same = np.isclose(read, held, rtol=FLOAT32_ROUNDING, atol=0, equal_nan=True)
    else:
        same = (read == held) | ((read != read) & (held != held))  # NaT
    return "" if np.all(same) else "other values"
