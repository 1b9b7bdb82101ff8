"""Few tasks, computed one after the other: a scheduler costs more than most chunks do."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dask.callbacks import Callback
from dask.threaded import get

from cloudify.chunks.graph import Key
from cloudify.model.stop import go_on

MANY = 64
"""Tasks from which on the threads of a scheduler pay."""


def evaluate(tasks: Mapping[Key, Any], keys: Sequence[Key]) -> list[Any]:
    """Return the values of `keys`. Blocks; raises what the tasks raise, or ends where the work is not to go on.

    A task runs after those it needs, and deep branches first: what was computed is used, and let go of, soon.
    """
    order = ordered(tasks, keys)
    wanted = Counter(keys)
    for key in order:
        wanted.update(tasks[key].dependencies)
    values: dict[Key, Any] = {}
    for key in order:
        go_on()
        task = tasks[key]
        values[key] = task(values)
        for needed in task.dependencies:
            wanted[needed] -= 1
            if not wanted[needed]:
                del values[needed]
    return [values[key] for key in keys]


def evaluate_many(tasks: Mapping[Key, Any], keys: Sequence[Key]) -> Sequence[Any]:
    """Return the values of `keys`, as `evaluate`; many tasks at once in threads, where there are enough of them."""
    if len(tasks) < MANY:
        return evaluate(tasks, keys)
    with Callback(pretask=lambda *_: go_on()):  # type: ignore[no-untyped-call]  # called in this thread
        values: Sequence[Any] = get(dict(tasks), list(keys))
        return values


def ordered(tasks: Mapping[Key, Any], keys: Sequence[Key]) -> list[Key]:
    """Return `keys` and all that they need, each after what it needs."""
    order: list[Key] = []
    done: set[Key] = set()
    pending = [(key, False) for key in reversed(keys)]
    while pending:
        key, has_all = pending.pop()
        if key in done:
            continue
        if has_all:
            done.add(key)
            order.append(key)
        else:
            pending.append((key, True))
            pending.extend((needed, False) for needed in tasks[key].dependencies if needed not in done)
    return order
