"""The garbage collector, out of the way of a start, and of many requests at once."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

NEW = 5_000
"""Objects that are new before some are looked through; Python begins at 700. What a thousand requests hold while they
wait is looked through again and again, everything once a second, for a tenth of a second in which nobody is answered:
that was a fifth of the time of a busy server."""


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the garbage collector from what a start makes: it all stays, and looking through it takes a fifth of it.

    From then on it works less often.
    """
    gc.disable()
    try:
        yield
        gc.freeze()
        gc.set_threshold(NEW, *gc.get_threshold()[1:])
    finally:
        gc.enable()
