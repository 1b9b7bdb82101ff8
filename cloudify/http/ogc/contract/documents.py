"""Schemas of the documents that are answered and sent."""

from collections.abc import Mapping
from typing import Any, Final, get_args

from cloudify.model.job import Reason, State

Schema = dict[str, Any]
TEXT: Final[Schema] = {"type": "string"}
WHOLE: Final[Schema] = {"type": "integer", "minimum": 0}
NUMBER: Final[Schema] = {"type": "number"}
YES_OR_NO: Final[Schema] = {"type": "boolean"}
TIME: Final[Schema] = {"type": "string", "format": "date-time"}
ANYTHING: Final[Schema] = {}


def record(needed: Mapping[str, Schema], may: Mapping[str, Schema] | None = None) -> Schema:
    """Return the schema of an object by its members."""
    return {"type": "object", "properties": {**needed, **(may or {})}, "required": [*needed]}


def listed(of: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": of}


def one_of(*words: str) -> Schema:
    """Return the schema of a word."""
    return {"type": "string", "enum": [*words]}


LINK: Final = record({"href": TEXT, "rel": TEXT}, {"type": TEXT, "title": TEXT})
LINKS: Final = listed(LINK)
PROBLEM: Final = record(
    {"type": TEXT, "title": TEXT, "status": {"type": "integer"}, "detail": TEXT, "instance": TEXT}, {"request-id": TEXT}
)
LANDING: Final = record({"title": TEXT, "description": TEXT, "links": LINKS})
CONFORMANCE: Final = record({"conformsTo": listed(TEXT)})
_CONTROL: Final = listed(one_of("sync-execute", "async-execute", "dismiss"))
SUMMARY: Final = record(
    {"id": TEXT, "version": TEXT, "jobControlOptions": _CONTROL, "mutable": YES_OR_NO, "links": LINKS},
    {
        "title": TEXT, "description": TEXT, "keywords": listed(TEXT),
        "outputTransmission": listed(one_of("value", "reference")),
    },
)  # fmt: skip
_PUT: Final = record(
    {"schema": {"type": "object"}},
    {
        "title": TEXT, "description": TEXT, "minOccurs": WHOLE,
        "maxOccurs": {"anyOf": [{"type": "integer", "minimum": 1}, one_of("unbounded")]},
    },
)  # fmt: skip
_BY_NAME: Final[Schema] = {"type": "object", "additionalProperties": _PUT}
PROCESSES: Final = record({"processes": listed(SUMMARY), "links": LINKS})
PROCESS: Final = record(
    {**SUMMARY["properties"], "inputs": _BY_NAME, "outputs": _BY_NAME},
)
PROCESS["required"] = [*SUMMARY["required"], "inputs", "outputs"]
_REGION: Final[Schema] = {
    "type": "object",
    "additionalProperties": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
}
EXCEPTION: Final = record(
    {"type": one_of(*get_args(Reason)), "title": TEXT, "detail": TEXT},
    {"slice": WHOLE, "region": _REGION, "traceback": TEXT},
)
STATUS: Final = record(
    {
        "jobID": TEXT, "id": TEXT, "type": one_of("process"), "processingEntityType": TEXT, "processID": TEXT,
        "status": one_of(*get_args(State)), "message": TEXT, "progress": {**WHOLE, "maximum": 100},
        "created": TIME, "updated": TIME, "open": YES_OR_NO,
        "slices": record({"total": WHOLE, "done": WHOLE, "failed": WHOLE, "reused": WHOLE}),
        "usage": record({"cpu_s": NUMBER, "peak_bytes": WHOLE, "bytes_in": WHOLE, "bytes_out": WHOLE}),
        "isolation": TEXT, "owner": TEXT, "links": LINKS,
    },
    {"started": TIME, "finished": TIME, "expires": TIME, "exception": EXCEPTION},
)  # fmt: skip
JOBS: Final = record({"jobs": listed(STATUS), "links": LINKS})
_RESULT: Final[Schema] = {"description": "a link to a dataset, values, or links to files"}
RESULTS: Final[Schema] = {"type": "object", "properties": {"result": _RESULT}}
SLICES: Final = record({
    "slices": listed(
        record(
            {
                "first": WHOLE, "last": WHOLE, "attempt": WHOLE,
                "state": one_of("pending", "running", "done", "failed", "stopped"),
            },
            {"exception": EXCEPTION, "progress": {**NUMBER, "minimum": 0, "maximum": 1}},
        )
    ),
    "links": LINKS,
})  # fmt: skip
EVENTS: Final = record({
    "events": listed(
        record(
            {"seq": WHOLE, "time": TIME, "job": TEXT, "type": TEXT, "payload": ANYTHING},
            {"slice": {"description": "a number, or null"}, "emitted": YES_OR_NO},
        )
    ),
    "links": LINKS,
})  # fmt: skip
LOG: Final = record({"log": listed(record({"slice": WHOLE, "attempt": WHOLE, "text": TEXT, "truncated": YES_OR_NO}))})
POOL: Final = record(
    {"id": TEXT, "kind": TEXT, "interpreter": TEXT, "limits": record({"wall": NUMBER, "memory": WHOLE}), "links": LINKS}
)
POOLS: Final = record({"pools": listed(POOL), "links": LINKS})
ISOLATION: Final = record({"level": TEXT, "runs_functions": YES_OR_NO, "selftest": {}, "message": TEXT})
