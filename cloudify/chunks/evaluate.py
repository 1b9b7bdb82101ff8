"""Few tasks, computed one after the other: a scheduler costs more than most chunks do."""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from cloudify.chunks.task_keys import Key
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
    from dask.threaded import get

    between = (None, None, lambda *_: go_on(), None, None)  # given, since `Callback` is one set for all threads
    values: Sequence[Any] = get(dict(tasks), list(keys), pool=_pool(), callbacks=[between])
    return values


@cache
def _pool() -> ThreadPoolExecutor:
    """Return the threads of this process for that. Of its own, dask has some for each thread that asks."""
    from dask.system import CPU_COUNT

    return ThreadPoolExecutor(CPU_COUNT, thread_name_prefix="evaluate")


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
