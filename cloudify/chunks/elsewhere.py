"""A chunk of a lazy array as one task for a cluster, whose outcome is the encoded chunk."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Protocol

from cloudify.chunks.block import Mosaic
from cloudify.chunks.encode import Block
from cloudify.chunks.evaluate import evaluate
from cloudify.chunks.lazy import Blocks
from cloudify.chunks.task_keys import Key

MOST_TASKS = 64
"""Tasks of a chunk up to which one worker does all of them: values that travel cost more than they take. Of more, the
cluster makes what it can at once."""
Encode = Callable[[Block], bytes]


class Elsewhere(Protocol):
    """Other processes that compute."""

    def evaluate(self, graph: Mapping[Any, Any], keys: Sequence[Any]) -> Sequence[Any]:
        """Compute keys of a graph. Blocks; raises what the graph raises."""
        ...

    def encodes(self) -> bool:
        """Whether they can encode chunks. Blocks."""
        ...


@dataclass(frozen=True, slots=True)
class Encoded:
    """Joins the blocks of a chunk and encodes it. Sent to workers."""

    mosaic: Mosaic
    encode: Encode

    def __call__(self, blocks: Sequence[Any]) -> bytes:
        """Return the chunk."""
        return self.encode(self.mosaic.joined(blocks))


@dataclass(frozen=True, slots=True)
class WholeChunk:
    """All that a chunk takes. Sent to a worker."""

    tasks: Mapping[Key, Any]
    keys: Sequence[Key]
    encoded: Encoded

    def __call__(self) -> bytes:
        """Compute the blocks of a chunk and return it."""
        return self.encoded(evaluate(self.tasks, self.keys))


def encoded_elsewhere(
    blocks: Blocks, keys: Sequence[Key], mosaic: Mosaic, encode: Encode, elsewhere: Elsewhere
) -> bytes:
    """Have a chunk computed, and encoded if that can be done there; what many chunks need is computed once.

    Blocks; raises what the array raises.

    Parameters
    ----------
    keys, mosaic
        As `touched` gives them.
    encode
        Can be pickled.
    """
    from dask._task_spec import List, Task, TaskRef

    can_encode = elsewhere.encodes()
    tasks = blocks.tasks(keys, elsewhere.evaluate)
    encoded = Encoded(mosaic, encode)
    if not can_encode:
        return encoded(elsewhere.evaluate(tasks, keys))
    key = f"{blocks.name}-chunk-{token_hex(8)}"  # never that of a chunk which is being forgotten
    if len(tasks) <= MOST_TASKS:
        graph = {key: Task(key, WholeChunk(tasks, keys, encoded))}
    else:
        graph = {**tasks, key: Task(key, encoded, List(*map(TaskRef, keys)))}
    data: bytes = elsewhere.evaluate(graph, [key])[0]
    return data
