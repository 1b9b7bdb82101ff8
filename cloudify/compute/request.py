"""The process `map`: its inputs as a frozen value. Nothing of a dataset has been looked at."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from cloudify.compute.function_input import CheckSource, accept_source, function_json, read_function
from cloudify.compute.inputs import (
    check_names,
    compact_json,
    kind_of,
    read_names,
    read_number,
    read_object,
    read_sizes,
    read_text,
)
from cloudify.compute.pools import DEFAULT, POOLS, Pool, SliceLimits
from cloudify.errors import BadInputError, UnknownPoolError
from cloudify.model.entry import is_valid_id
from cloudify.model.function import Function
from cloudify.model.job import OnError

INPUTS: Final = (
    "dataset", "data", "variables", "function", "args", "chunks", "overlap", "combine", "pool", "limits", "on_error",
    "template",
)  # fmt: skip
OF_DATASETS: Final = ("variables", "chunks", "overlap")
"""Inputs that say something of a dataset."""
WHOLE: Final = -1
"""A chunk as long as its dimension."""
MOST_ARGS: Final = 2**18
"""Characters of `args`: every slice is given them."""
VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class MapRequest:
    """What `map` is to do."""

    limits: SliceLimits
    function: Function | None = None
    process: str | None = None
    """Id of a deployed process, whose function it is; exactly one of the two is None until that is looked up."""
    dataset: str | None = None
    data: tuple[str, ...] | None = None
    """The JSON of each datum; exactly one of `dataset` and `data` is None."""
    variables: tuple[str, ...] = ()
    """Names or, of variables in groups, paths; none for all data variables."""
    args: str = "{}"
    """JSON object."""
    chunks: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Dimension -> elements of a block along it, `WHOLE` for all."""
    overlap: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Dimension -> elements that a block has in common with each neighbour."""
    combine: Function | None = None
    pool: str = DEFAULT
    on_error: OnError = "stop"
    template: str | None = None
    """JSON of what the results of all slices look like, where the first slice is not to tell."""
    is_open: bool = False
    """Whether slices will be added."""

    @property
    def name(self) -> str:
        """The function's name, which a result without one of its own gets."""
        return self.function.entry if self.function is not None else self.process or ""

    def with_function(self, function: Function, args: str) -> "MapRequest":
        """Return it with the function of its process, and what that is given."""
        return replace(self, function=function, process=None, args=args)

    def to_json(self) -> str:
        """Write it for the store and for workers, without the data, which are kept slice by slice."""
        function, combine = (None if one is None else function_json(one) for one in (self.function, self.combine))
        return json.dumps(
            {
                "v": VERSION, "function": function, "process": self.process,
                "limits": [self.limits.wall_s, self.limits.memory_nbytes],
                "dataset": self.dataset, "data": None if self.data is None else [],
                "variables": self.variables, "args": self.args,
                "chunks": dict(self.chunks), "overlap": dict(self.overlap), "combine": combine, "pool": self.pool,
                "on_error": self.on_error, "template": self.template, "is_open": self.is_open,
            },
            ensure_ascii=False, separators=(",", ":"),
        )  # fmt: skip

    @classmethod
    def from_json(cls, text: str) -> "MapRequest":
        """Read what `to_json` wrote."""
        given = json.loads(text)
        given.pop("v")
        data = given["data"]
        functions = {name: given[name] and read_function(name, given[name]) for name in ("function", "combine")}
        return cls(
            **given
            | functions
            | {
                "limits": SliceLimits(*given["limits"]),
                "data": None if data is None else tuple(data),
                "variables": tuple(given["variables"]),
                "chunks": MappingProxyType(given["chunks"]),
                "overlap": MappingProxyType(given["overlap"]),
            }
        )


def read_map(
    inputs: Mapping[str, object],
    *,
    is_open: bool = False,
    pools: Mapping[str, Pool] = POOLS,
    check_source: CheckSource = accept_source,
) -> MapRequest:
    """Read the inputs of `map`, parsed from JSON.

    Parameters
    ----------
    check_source
        Raises if there is no function of a name in a source.

    Raises
    ------
    BadInputError
        Naming the input and what it can be.
    UnknownPoolError
        If there is no such pool.
    CloudifyError
        What `check_source` raises.
    """
    check_names(inputs, INPUTS)
    given = {name: value for name, value in inputs.items() if value is not None}
    dataset, data = _subject(given, is_open=is_open)
    pool = _pool(given.get("pool", DEFAULT), pools)
    return MapRequest(
        function=_function(given, check_source),
        process=_process(given),
        limits=_limits(given.get("limits", {}), pool.limits),
        dataset=dataset,
        data=data,
        variables=read_names("variables", given["variables"]) if "variables" in given else (),
        args=args_json(given.get("args", {})),
        chunks=MappingProxyType(_chunks(given.get("chunks", {}))),
        overlap=MappingProxyType(read_sizes("overlap", given.get("overlap", {}), least=0, example='{"time": 2}')),
        combine=read_function("combine", given["combine"], check_source) if "combine" in given else None,
        pool=pool.id,
        on_error=_on_error(given.get("on_error", "stop")),
        template=_template(given.get("template")),
        is_open=is_open,
    )


def read_data(value: object, name: str = "data") -> tuple[str, ...]:
    """Return the JSON of each datum.

    Raises
    ------
    BadInputError
        If it is no list, or holds what is not JSON.
    """
    if not isinstance(value, list):
        raise BadInputError(name, f"expected a list whose elements are one slice each, not {kind_of(value)}")
    return tuple(compact_json(f"{name}[{place}]", datum) for place, datum in enumerate(value))


def _subject(given: Mapping[str, object], *, is_open: bool) -> tuple[str | None, tuple[str, ...] | None]:
    if ("dataset" in given) == ("data" in given):
        both = "dataset" in given
        raise BadInputError(
            "dataset",
            "give either the id of a dataset or a list of data, not both"
            if both
            else 'it is missing; give "dataset": an id of GET /datasets, or "data": a list of values',
        )
    if "dataset" in given:
        dataset = read_text("dataset", given["dataset"])
        if not is_valid_id(dataset):
            raise BadInputError("dataset", f"{dataset!r} cannot be the id of a dataset; GET /datasets lists them")
        return dataset, None
    for name in OF_DATASETS:
        if name in given:
            raise BadInputError(name, "it belongs to a dataset; each element of data is one slice")
    data = read_data(given["data"])
    if not data and not is_open:
        raise BadInputError("data", 'it is empty; give one value at least, or open the job with "open": true')
    return None, data


def _function(given: Mapping[str, object], check_source: CheckSource) -> Function | None:
    if "function" not in given:
        raise BadInputError("function", 'it is missing; expected {"source": "def f(block): ...", "entry": "f"}')
    value = read_object("function", given["function"])
    return None if "process" in value else read_function("function", value, check_source)


def _process(given: Mapping[str, object]) -> str | None:
    value = read_object("function", given["function"])
    if "process" not in value:
        return None
    if len(value) > 1:
        raise BadInputError("function", "a deployed process has its source and files; give nothing beside its id")
    process = read_text("function.process", value["process"])
    if not is_valid_id(process):
        raise BadInputError("function.process", f"{process!r} cannot be the id of a process")
    return process


def args_json(value: object) -> str:
    """Return the JSON of arguments.

    Raises
    ------
    BadInputError
        If they are no object, or too long.
    """
    text = compact_json("args", read_object("args", value))
    if len(text) > MOST_ARGS:
        raise BadInputError("args", f"{len(text)} characters of JSON; the most is {MOST_ARGS}")
    return text


def _chunks(value: object) -> dict[str, int]:
    sizes = read_sizes("chunks", value, least=WHOLE, example='{"time": 12}; -1 takes the whole dimension')
    zero = next((dim for dim, size in sizes.items() if not size), None)
    if zero is not None:
        raise BadInputError("chunks", f"{zero!r}: a block has one element at least; -1 takes the whole dimension")
    return sizes


def _pool(value: object, pools: Mapping[str, Pool]) -> Pool:
    name = read_text("pool", value)
    if name not in pools:
        raise UnknownPoolError(name, pools)
    return pools[name]


def _limits(value: object, most: SliceLimits) -> SliceLimits:
    given = read_object("limits", value)
    check_names(given, ("wall", "memory"), "limits")
    wall = read_number("limits.wall", given.get("wall", most.wall_s), most.wall_s, "seconds")
    memory = read_number("limits.memory", given.get("memory", most.memory_nbytes), most.memory_nbytes, "bytes")
    return SliceLimits(float(wall), int(memory))


def _on_error(value: object) -> OnError:
    if value == "stop":
        return "stop"
    if value == "skip":
        return "skip"
    raise BadInputError("on_error", 'expected "stop", which ends the job with the first failed slice, or "skip"')


def _template(value: object) -> str | None:
    return None if value is None else compact_json("template", read_object("template", value))
