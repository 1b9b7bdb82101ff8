"""``POST /processes``: a function becomes a process (OGC API - Processes, Part 2)."""

import ast
from collections.abc import Mapping
from time import time
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request
from starlette.responses import Response

from cloudify.compute.inputs import compact_json, kind_of, read_object, read_text
from cloudify.errors import BadInputError, ProcessExistsError
from cloudify.http.ogc.body import read_object as read_body
from cloudify.http.ogc.desk import Desk, json_answer, owner_with
from cloudify.http.ogc.processes import MAP, deployed_summary
from cloudify.model.entry import is_valid_id, suggest_id
from cloudify.model.function import Function

if TYPE_CHECKING:
    from cloudify.compute.store.records import Deployed

UNIT, DESCRIPTION = "executionUnit", "processDescription"
PYTHON: Final = "text/x-python"
DEFAULT_VERSION: Final = "1.0.0"
LONGEST_TITLE, LONGEST_DESCRIPTION = 200, 10_000
MOST_INPUTS, MOST_DESCRIBED = 100, 2**16
"""Of a process: inputs, and characters of JSON that describe them."""


class DeployHandlers:
    """What makes processes."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def deploy(self, request: Request) -> Response:
        """Make a function a process that others may execute: `{"processDescription": {"id", "version", "inputs", ...},
        "executionUnit": {"value": "def f(block): ...", "mediaType": "text/x-python"}}`.
        """  # noqa: D205  # shown as one paragraph in the API docs
        owner, desk = owner_with("deploy"), self._desk
        body = await read_body(request, desk.settings.max_body_nbytes)

        def add() -> "Deployed":
            process = read_package(body, owner, time())
            desk.compute.store.processes.add(process)
            return process

        process, base = await desk.submitting(add), desk.base(request)
        return json_answer(deployed_summary(process, base), 201, {"location": f"{base}/processes/{process.id}"})


def read_package(body: Mapping[str, Any], owner: str, created: float) -> "Deployed":
    """Return the process that a package describes; nothing of it is run.

    Raises
    ------
    BadInputError
        Naming the member that cannot be.
    InvalidFunctionError
        If its source is none.
    ProcessExistsError
        If its id is that of a process that is built in.
    """
    from cloudify.compute.store.records import Deployed  # noqa: PLC0415  # with jobs, and not before

    given = read_object(DESCRIPTION, body.get(DESCRIPTION))
    given = read_object(f"{DESCRIPTION}.process", given["process"]) if "process" in given else given
    process_id = _id(given.get("id"))
    return Deployed(
        id=process_id,
        version=_text(given, "version", DEFAULT_VERSION, LONGEST_TITLE),
        owner=owner,
        title=_text(given, "title", "", LONGEST_TITLE),
        description=_text(given, "description", "", LONGEST_DESCRIPTION),
        inputs=_described(given, "inputs"),
        outputs=_described(given, "outputs"),
        function=_function(body.get(UNIT)),
        created=created,
    )


def _id(value: object) -> str:
    text = read_text(f"{DESCRIPTION}.id", value)
    if not is_valid_id(text):
        raise BadInputError(
            f"{DESCRIPTION}.id", f"{text!r} cannot be the id of a process; {suggest_id(text)!r} would do"
        )
    if text == MAP:
        raise ProcessExistsError(text)
    return text


def _text(given: Mapping[str, object], name: str, default: str, longest: int) -> str:
    value = given.get(name)
    return default if value is None or value == "" else read_text(f"{DESCRIPTION}.{name}", value, longest)


def _described(given: Mapping[str, object], name: str) -> str:
    """Return the JSON of descriptions of inputs or outputs by name; each has a schema, which can be used."""
    from cloudify.compute.described import read_description  # noqa: PLC0415  # with jobs, and not before
    from cloudify.compute.schemas import read_schema  # noqa: PLC0415

    where = f"{DESCRIPTION}.{name}"
    members = read_object(where, given.get(name, {}))
    if len(members) > MOST_INPUTS:
        raise BadInputError(where, f"{len(members)} of them; the most is {MOST_INPUTS}")
    described = {member: {"schema": {}, **read_object(f"{where}.{member}", said)} for member, said in members.items()}
    text = compact_json(where, described)
    if len(text) > MOST_DESCRIBED:
        raise BadInputError(where, f"{len(text)} characters of JSON; the most is {MOST_DESCRIBED}")
    if name == "inputs":
        read_description(where, described)
    else:
        for member, said in described.items():
            read_schema(f"{where}.{member}", read_object(f"{where}.{member}.schema", said["schema"]))
    return text


def _function(value: object) -> Function:
    """Return the function of an execution unit: its entry, or the last one at the top of its source."""
    from cloudify.compute.child.function import check_source  # noqa: PLC0415

    units = value if isinstance(value, list) else [value]
    if len(units) != 1:
        raise BadInputError(UNIT, f"{len(units)} of them; expected one")
    unit = read_object(UNIT, units[0])
    if unit.get("mediaType") != PYTHON:
        raise BadInputError(
            UNIT, f'expected {{"value": "def f(block): ...", "mediaType": "{PYTHON}"}}; nothing else is run here'
        )
    source = unit.get("value")
    if not isinstance(source, str):
        raise BadInputError(f"{UNIT}.value", f"expected the text of a function, not {kind_of(source)}")
    entry = unit.get("entry")
    name = read_text(f"{UNIT}.entry", entry) if entry is not None else last_function(source)
    check_source(source, name)
    return Function(source, name)


def last_function(source: str) -> str:
    """Return the name of the last function at the top of a source; a name that it has not, if it has none."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "f"  # whoever checks the source says what is wrong with it
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return names[-1] if names else "f"
