"""Schemas of the bodies that are sent, with examples that can be sent as they are."""

from typing import Any, Final

from cloudify.http.ogc.contract.documents import ANYTHING, TEXT, WHOLE, YES_OR_NO, Schema, listed, one_of, record

_OBJECT: Final[Schema] = {"type": "object"}
_DOUBLE: Final = {"source": "def double(x):\n    return 2 * x\n", "entry": "double"}
_KELVIN: Final = {"source": "def celsius(block):\n    return block - 273.15\n", "entry": "celsius"}

EXECUTE: Final[Schema] = {
    "type": "object",
    "properties": {
        "inputs": {**_OBJECT, "description": "those that the process describes"},
        "outputs": {"type": "object", "properties": {"result": _OBJECT}, "additionalProperties": False},
        "response": {**one_of("document", "raw"), "default": "document"},
        "open": {**YES_OR_NO, "default": False, "description": "whether slices are added later"},
    },
    "additionalProperties": False,
}
EXECUTIONS: Final[dict[str, Any]] = {
    "values": {
        "summary": "a function of values, by `map`",
        "value": {"inputs": {"data": [1, 2, 3], "function": _DOUBLE}},
    },
    "dataset": {
        "summary": "a function of every block of a dataset of the demo, by `map`",
        "value": {"inputs": {"dataset": "mpi-esm-tas", "variables": ["tas"], "function": _KELVIN}},
    },
    "open": {
        "summary": "a job to which values are added later, by `map`",
        "value": {"inputs": {"data": [], "function": _DOUBLE}, "open": True},
    },
}

_DESCRIBED: Final[Schema] = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "properties": {
            "schema": {**_OBJECT, "description": "JSON Schema 2020-12"},
            "title": TEXT,
            "minOccurs": WHOLE,
            "maxOccurs": {"anyOf": [{"type": "integer", "minimum": 1}, one_of("unbounded")]},
        },
    },
}
_DESCRIPTION: Final = record(
    {"id": {**TEXT, "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"}},
    {"version": TEXT, "title": TEXT, "description": TEXT, "inputs": _DESCRIBED, "outputs": _DESCRIBED},
)
_UNIT: Final = record({"value": TEXT, "mediaType": one_of("text/x-python")}, {"entry": TEXT})
DEPLOY: Final = record({"processDescription": _DESCRIPTION, "executionUnit": _UNIT})
DEPLOYED: Final[dict[str, Any]] = {
    "half": {
        "summary": "half of everything",
        "value": {
            "processDescription": {
                "id": "half",
                "inputs": {
                    "dataset": {"schema": {"type": "string"}, "minOccurs": 0},
                    "k": {"schema": {"type": "number", "default": 2}, "minOccurs": 0},
                },
            },
            "executionUnit": {
                "value": "def half(block, k=2):\n    return block / k\n",
                "mediaType": "text/x-python",
            },
        },
    }
}

ADD: Final[Schema] = {
    "type": "object",
    "properties": {"data": listed(ANYTHING), "regions": listed(_OBJECT)},
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
}
ADDED: Final[dict[str, Any]] = {
    "values": {"summary": "to a job over data", "value": {"data": [4, 5]}},
    "regions": {"summary": "to a job over a dataset", "value": {"regions": [{"time": [0, 12]}]}},
}
