"""What each route of the API takes and answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cloudify.http.ogc.contract import bodies, documents
from cloudify.http.ogc.contract.documents import TEXT, WHOLE, Schema, listed, one_of
from cloudify.http.ogc.links import JSON
from cloudify.http.ogc.query import MOST, STATES
from cloudify.http.problems import MEDIA_TYPE

BEARER: Final = "bearer"
_PACKAGE: Final = "application/ogcapppkg+json"
_FROM_ONE: Final[Schema] = {"type": "integer", "minimum": 1}


@dataclass(frozen=True, slots=True)
class Operation:
    """What one method of one path takes and answers."""

    id: str
    answers: Mapping[str, Mapping[str, Any]]
    """Status -> what comes with it; whatever is refused is a problem."""
    scope: str = ""
    """That a token needs; none for everybody."""
    parameters: tuple[Mapping[str, Any], ...] = ()
    body: Mapping[str, Any] | None = None

    def extra(self) -> dict[str, Any]:
        """Return what the framework does not find out by itself."""
        found: dict[str, Any] = {"operationId": self.id}
        if self.parameters:
            found["parameters"] = [*self.parameters]
        if self.body is not None:
            found["requestBody"] = self.body
        return found

    def responses(self) -> dict[int | str, dict[str, Any]]:
        """Return what is answered, by status."""
        told = {MEDIA_TYPE: {"schema": documents.PROBLEM}, "text/html": {"schema": TEXT}}
        refused = {"description": "why it cannot be; a page of that for browsers", "content": told}
        return {**{status: dict(answer) for status, answer in self.answers.items()}, "default": refused}


def operation(method: str, path: str) -> Operation:
    """Return what a method of a path below the API takes and answers; `KeyError` for one that nobody described."""
    return _OPERATIONS[f"{method} {path}"]


def _query(name: str, description: str, schema: Schema) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "required": False, "schema": schema}


def _header(name: str, description: str, schema: Schema = TEXT) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "required": False, "schema": schema}


def _json(description: str, schema: Schema) -> dict[str, Any]:
    return {"description": description, "content": {JSON: {"schema": schema}}}


def _made(description: str, schema: Schema) -> dict[str, Any]:
    location = {"Location": {"description": "where it is", "schema": {"type": "string", "format": "uri"}}}
    return {**_json(description, schema), "headers": location}


def _body(schema: Schema, examples: Mapping[str, Any], *media_types: str) -> dict[str, Any]:
    content = {kind: {"schema": schema, "examples": dict(examples)} for kind in (JSON, *media_types)}
    return {"required": True, "content": content}


def _limit(most: int, default: int) -> dict[str, Any]:
    return _query("limit", f"how many at most; above {most} it is that", {**_FROM_ONE, "default": default})


_STATUS: Final = _json("its status", documents.STATUS)
_AFTER: Final = _query("after", "where the page before ended: follow the link `next`", WHOLE)
_PREFER: Final = _header("Prefer", "`respond-async`, `wait=` and a number of seconds, or both with a comma")
_KEY: Final = _header(
    "Idempotency-Key",
    "by which a request is known again for a day",
    {"type": "string", "minLength": 1, "maxLength": 200},
)
_FORM: Final = _query("f", "the form", one_of("text", "json"))
_COMPUTE: Final = "compute"

_OPERATIONS: Final[Mapping[str, Operation]] = {
    "GET /": Operation("landing", {"200": _json("where everything is", documents.LANDING)}),
    "GET /openapi.json": Operation(
        "openapi", {"200": {"description": "this document", "content": {"application/vnd.oai.openapi+json": {}}}}
    ),
    "GET /conformance": Operation("conformance", {"200": _json("classes of requirements", documents.CONFORMANCE)}),
    "GET /processes": Operation(
        "listProcesses", {"200": _json("a page of processes", documents.PROCESSES)},
        parameters=(_limit(MOST, 10), {**_AFTER, "schema": TEXT}),
    ),
    "POST /processes": Operation(
        "deploy", {"201": _made("what a list says of it", documents.SUMMARY)}, "deploy",
        body=_body(bodies.DEPLOY, bodies.DEPLOYED, _PACKAGE),
    ),
    "GET /processes/{process_id}": Operation("process", {"200": _json("its description", documents.PROCESS)}),
    "POST /processes/{process_id}/execution": Operation(
        "execute",
        {
            "200": _json("the result", {"anyOf": [documents.RESULTS, listed({})]}),
            "201": _made("the status of the job, which goes on", documents.STATUS),
            "204": {"description": "a link to the result, where it is to be raw and is a dataset"},
        },
        _COMPUTE, (_PREFER, _KEY), _body(bodies.EXECUTE, bodies.EXECUTIONS),
    ),
    "GET /pools": Operation("listPools", {"200": _json("all pools", documents.POOLS)}, _COMPUTE),
    "GET /pools/{pool_id}": Operation("pool", {"200": _json("one pool", documents.POOL)}, _COMPUTE),
    "GET /isolation": Operation("isolation", {"200": _json("what is in force", documents.ISOLATION)}, _COMPUTE),
    "GET /jobs": Operation(
        "listJobs", {"200": _json("a page of jobs", documents.JOBS)}, _COMPUTE,
        (
            _query("status", "some of them", listed(one_of(*STATES))),
            _query("processID", "some of them", listed(TEXT)),
            _query("type", "`process`; of any other there is none", listed(TEXT)),
            _query("datetime", "when they were made: a time, or two with a slash, `..` for an open end", TEXT),
            _query("minDuration", "seconds", WHOLE), _query("maxDuration", "seconds", WHOLE),
            _limit(MOST, 10), {**_AFTER, "schema": TEXT},
        ),
    ),
    "GET /jobs/{job_id}": Operation("job", {"200": _STATUS}, _COMPUTE),
    "DELETE /jobs/{job_id}": Operation(
        "dismiss", {"200": _STATUS}, _COMPUTE,
        (_query("hide", "`false`: a job that has ended is not hidden", one_of("true", "false")),),
    ),
    "GET /jobs/{job_id}/results": Operation("results", {"200": _json("what it left", documents.RESULTS)}, _COMPUTE),
    "GET /jobs/{job_id}/results/{name}": Operation(
        "file",
        {
            "200": {"description": "the file", "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}},
            "206": {"description": "a part", "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}},
            "304": {"description": "it has not changed"},
        },
        _COMPUTE, (_header("Range", "`bytes=0-99`"), _header("If-None-Match", "its ETag")),
    ),
    "GET /jobs/{job_id}/slices": Operation(
        "slices", {"200": _json("ranges of slices that are alike", documents.SLICES)}, _COMPUTE,
        (
            _query("state", "one of them", one_of("pending", "running", "done", "failed")),
            _limit(1000, 100), _AFTER,
        ),
    ),
    "POST /jobs/{job_id}/slices": Operation(
        "addSlices", {"200": _STATUS}, _COMPUTE, body=_body(bodies.ADD, bodies.ADDED)
    ),
    "POST /jobs/{job_id}/close": Operation("close", {"200": _STATUS}, _COMPUTE),
    "GET /jobs/{job_id}/events": Operation(
        "events",
        {
            "200": {
                "description": "a stream to the end of the job, or a page",
                "content": {"text/event-stream": {"schema": TEXT}, JSON: {"schema": documents.EVENTS}},
            }
        },
        _COMPUTE,
        (
            _query("f", "`json` for a page", one_of("json")), _limit(1000, 100), _AFTER,
            _header("Last-Event-ID", "of a stream: after which event it begins"),
        ),
    ),
    "GET /jobs/{job_id}/log": Operation(
        "log",
        {
            "200": {
                "description": "what was printed",
                "content": {"text/plain": {"schema": TEXT}, JSON: {"schema": documents.LOG}},
            }
        },
        _COMPUTE, (_FORM, _query("slice", "of one alone", _FROM_ONE)),
    ),
}  # fmt: skip
