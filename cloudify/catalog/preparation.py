"""The key ``prepare`` of a dataset in our catalog: what is done to it before it is served.

::

    prepare:
      chunks: {time: 12}         # elements of a served chunk
      float32: true              # float64 data as float32
      keepbits: 10               # of the mantissa of floats, 1 to 23
      drop: [height]             # variables that are not served
      promote: [nav_lon]         # data variables that become coordinates
      split: lev                 # a dataset for each element of this dimension
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import yaml

from cloudify.model.preparation import MAX_KEEPBITS, NOTHING, Preparation

KEYS = ("chunks", "float32", "keepbits", "drop", "promote", "split")
MAX_CHUNK = 2**31 - 1
_COUNT = re.compile(r"[1-9][0-9]{0,9}")

Pairs = Callable[[yaml.Node, str, tuple[str, ...]], Iterator[tuple[str, yaml.Node]]]
Report = Callable[[yaml.Node, str], None]


def read_preparation(node: yaml.Node, pairs: Pairs, report: Report) -> Preparation:
    """Read the value of ``prepare``.

    Parameters
    ----------
    pairs
        Yields the keys and values of a mapping, those that are known; reports another kind of node and other keys.
    report
        Takes a node and what was expected in its place.
    """
    found = NOTHING
    for key, value in pairs(node, "a mapping of what to prepare", KEYS):
        if key == "chunks":
            sizes = ((dim, _count(size, MAX_CHUNK, report)) for dim, size in pairs(value, "sizes by dimension", ()))
            found = replace(found, chunks=tuple((dim, size) for dim, size in sizes if size))
        elif key == "float32":
            if value.tag != "tag:yaml.org,2002:bool":
                report(value, "true or false")
            found = replace(found, float32=str(value.value).lower() in {"true", "yes", "on"})
        elif key == "keepbits":
            found = replace(found, keepbits=_count(value, MAX_KEEPBITS, report) or None)
        elif key == "split":
            found = replace(found, split=_name(value, "the name of a dimension", report))
        else:
            found = replace(found, **{key: tuple(_names(value, key, report))})  # type: ignore[arg-type]  # drop, promote
    return replace(found, line=node.start_mark.line + 1)


def _count(node: yaml.Node, most: int, report: Report) -> int:
    """Return a number of 1 to `most`, 0 where there is none."""
    is_count = node.tag == "tag:yaml.org,2002:int" and _COUNT.fullmatch(str(node.value)) is not None
    if is_count and int(node.value) <= most:
        return int(node.value)
    report(node, f"a whole number of 1 to {most}")
    return 0


def _names(node: yaml.Node, key: str, report: Report) -> Iterator[str]:
    if not isinstance(node, yaml.SequenceNode):
        report(node, "a list of names of variables")
        return
    for item in node.value:
        name = _name(item, "the name of a variable", report)
        if key == "promote" and len(name.split()) > 1:
            report(item, "a name without spaces, as the attribute `coordinates` cannot hold others")
        yield name


def _name(node: yaml.Node, expected: str, report: Report) -> str:
    if isinstance(node, yaml.ScalarNode) and node.value and node.tag != "tag:yaml.org,2002:null":
        return str(node.value)
    report(node, expected)
    return ""
