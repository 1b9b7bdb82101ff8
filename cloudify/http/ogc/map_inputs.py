"""The inputs and the output of the process `map`, as JSON schemas for those who ask what it takes."""

from typing import Any, Final

from cloudify.compute.pools import DEFAULT, POOLS

_SIZES: Final = {"type": "object", "additionalProperties": {"type": "integer"}}
_FILES: Final = {
    "type": "object",
    "description": 'path -> a text, or {"base64": ...}',
}
_SOURCE: Final = {
    "type": "object",
    "required": ["source", "entry"],
    "properties": {
        "source": {"type": "string", "description": "Python"},
        "entry": {"type": "string", "description": "name of a function at its top"},
        "files": _FILES,
    },
}
_DEPLOYED: Final = {
    "type": "object",
    "required": ["process"],
    "properties": {"process": {"type": "string", "description": "id of a deployed process"}},
}
_LIMITS: Final = POOLS[DEFAULT].limits

INPUTS: Final[dict[str, dict[str, Any]]] = {
    "dataset": {
        "title": "Dataset",
        "description": "id of a dataset of this server, each block of which is a slice; this or data",
        "minOccurs": 0,
        "schema": {"type": "string"},
    },
    "data": {
        "title": "Data",
        "description": "values, each of which is a slice; this or dataset",
        "minOccurs": 0,
        "schema": {"type": "array", "items": {}},
    },
    "variables": {
        "title": "Variables",
        "description": "those that a block has; all data variables by default",
        "minOccurs": 0,
        "schema": {"type": "array", "minItems": 1, "items": {"type": "string"}},
    },
    "function": {
        "title": "Function",
        "description": "called with each block or datum, and args by name",
        "schema": {"oneOf": [_SOURCE, _DEPLOYED]},
    },
    "args": {"title": "Arguments", "minOccurs": 0, "schema": {"type": "object", "default": {}}},
    "chunks": {
        "title": "Chunks",
        "description": "elements of a block along dimensions, -1 for all; as it is served by default",
        "minOccurs": 0,
        "schema": _SIZES,
    },
    "overlap": {
        "title": "Overlap",
        "description": "elements that a block has of its neighbours along dimensions; they are cut from the result",
        "minOccurs": 0,
        "schema": _SIZES,
    },
    "combine": {
        "title": "Combine",
        "description": "a function of two results: the result of the job is what all of them come down to",
        "minOccurs": 0,
        "schema": _SOURCE,
    },
    "pool": {
        "title": "Pool",
        "description": "where slices run; /ogc-api/pools lists them",
        "minOccurs": 0,
        "schema": {"type": "string", "enum": sorted(POOLS), "default": DEFAULT},
    },
    "limits": {
        "title": "Limits",
        "description": "of one slice: seconds by the clock, bytes of memory",
        "minOccurs": 0,
        "schema": {
            "type": "object",
            "properties": {
                "wall": {"type": "number", "maximum": _LIMITS.wall_s, "default": _LIMITS.wall_s},
                "memory": {"type": "integer", "maximum": _LIMITS.memory_nbytes, "default": _LIMITS.memory_nbytes},
            },
        },
    },
    "on_error": {
        "title": "On error",
        "description": "whether a slice that fails ends the job, or leaves a gap",
        "minOccurs": 0,
        "schema": {"type": "string", "enum": ["stop", "skip"], "default": "stop"},
    },
    "template": {
        "title": "Template",
        "description": "what results look like, where the first slice is not to tell",
        "minOccurs": 0,
        "schema": {"type": "object"},
    },
}

OUTPUTS: Final[dict[str, dict[str, Any]]] = {
    "result": {
        "title": "Result",
        "description": "a dataset, values in the order of the data, or files",
        "schema": {
            "oneOf": [
                {"type": "string", "contentMediaType": "application/vnd+zarr"},
                {"type": "array", "items": {}},
            ]
        },
    }
}
