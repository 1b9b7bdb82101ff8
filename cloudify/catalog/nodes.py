"""YAML as nodes that know their lines, bounded before anything recursive sees it.

libyaml's composer recurses in C, where a hundred thousand brackets end the process; aliases are shared nodes, which a
few lines can make into billions of values for whoever writes them out.
"""

from typing import Any

import yaml

MAX_DEPTH = 64
MAX_VALUES = 10_000
"""Most values of one option or source, aliases written out."""
_TIMESTAMP = "tag:yaml.org,2002:timestamp"
Size = tuple[float, float]


class _Loader(yaml.CSafeLoader):
    """Dates stay text: ids may be dates, and 2005-13-45 is no reason to fail."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


class NotPlainError(ValueError):
    """Values that are not plain: a tag that runs something, or one that its text does not fit."""


def compose(text: str) -> yaml.Node | None:
    """Return the root of a document, None for an empty one.

    Raises
    ------
    yaml.YAMLError
        If it is no YAML, or is nested too deeply; most have a line.
    """
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                mark: Any = event.start_mark
                raise yaml.MarkedYAMLError(problem=f"more than {MAX_DEPTH} levels", problem_mark=mark)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return yaml.compose(text, Loader=_Loader)


def pairs(node: yaml.Node | None) -> dict[str, yaml.Node]:
    """Return the values of a mapping by keys that are text or a number; of a key that stands twice the last."""
    entries = node.value if isinstance(node, yaml.MappingNode) else ()
    return {str(key.value): value for key, value in entries if isinstance(key, yaml.ScalarNode)}


def construct(node: yaml.Node) -> object:
    """Return the plain value of a node.

    Raises
    ------
    NotPlainError
        If it has too many values, or any that is not plain.
    """
    if max(_size(node, {})) > MAX_VALUES:
        raise NotPlainError(f"more than {MAX_VALUES} values, aliases written out")
    try:
        return yaml.constructor.SafeConstructor().construct_document(node)
    except yaml.MarkedYAMLError as error:
        raise NotPlainError(error.problem or "a tag") from error
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise NotPlainError("a tag that its text does not fit") from error  # !!int x, !!bool x, !!timestamp x


def _size(node: yaml.Node, known: dict[int, Size]) -> Size:
    """Return how many values a node has with its aliases written out, and in how many levels."""
    if id(node) in known:
        return known[id(node)]
    known[id(node)] = (float("inf"), float("inf"))  # of a node that holds itself
    below = _below(node)
    try:
        sizes = [_size(child, known) for child in below]
    except RecursionError:
        return known[id(node)]
    known[id(node)] = (1 + sum(size for size, _ in sizes), 1 + max((levels for _, levels in sizes), default=0))
    return known[id(node)]


def _below(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
