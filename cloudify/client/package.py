"""What a call of the client sends: the inputs of `map`, and the package of a function that is deployed."""

import ast
import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any

from cloudify.client.function import Files, Given, read_function
from cloudify.errors import InvalidCallError, UnsendableFunctionError
from cloudify.model.function import Function

PROCESS_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""A name without a space is no source text: it is a process that was deployed."""

_OUTPUTS = {"result": {"schema": {"type": "string", "contentMediaType": "application/vnd+zarr"}}}


def map_inputs(
    function: Given, dataset: str | None, data: Iterable[object] | None, *,
    variables: str | Iterable[str] | None, args: Mapping[str, object] | None, combine: Given | None,
    files: Files | None, others: Mapping[str, object],
) -> dict[str, object]:  # fmt: skip
    """Return the inputs of the process `map`; what was not given is left to the server.

    Raises
    ------
    InvalidCallError, UnsendableFunctionError
        If they cannot be sent.
    """
    if (dataset is None) == (data is None):
        raise InvalidCallError("expected the id of a dataset, or data=[...], whose elements are slices: one of them")
    if dataset is not None and not isinstance(dataset, str):
        raise InvalidCallError(
            f"expected the id of a dataset as text, found {type(dataset).__name__}: server.datasets() lists them, and "
            "data=[...] takes values"
        )
    if isinstance(data, str | bytes | Mapping):
        raise InvalidCallError(f"expected a list of data, one element for each slice, found {type(data).__name__}")
    given = {
        "dataset": dataset,
        "data": None if data is None else list(data),
        "variables": [variables] if isinstance(variables, str) else variables and list(variables),
        "function": _process_or_source(function, files),
        "args": None if args is None else dict(args),
        "combine": None if combine is None else as_input(read_function(combine)),
        **others,
    }
    return {name: value for name, value in given.items() if value is not None}


def package(function: Given, process_id: str | None, version: str, title: str | None) -> dict[str, object]:
    """Return the document that deploys a function: what it is called and takes, and its source.

    Raises
    ------
    UnsendableFunctionError
        If it cannot be sent.
    """
    sent = read_function(function)
    if sent.files:
        raise InvalidCallError("a function that is deployed takes no files: put what it needs into its source")
    description: dict[str, object] = {
        "id": process_id or sent.entry,
        "version": version,
        "title": title,
        "inputs": _inputs(sent),
        "outputs": _OUTPUTS,
    }
    return {
        "processDescription": {name: value for name, value in description.items() if value is not None},
        "executionUnit": {"value": sent.source, "mediaType": "text/x-python"},
    }


def as_input(function: Function) -> dict[str, object]:
    """Return a function as an input: its files in base64."""
    files = {path: {"base64": b64encode(content).decode()} for path, content in function.files.items()}
    return {"source": function.source, "entry": function.entry} | ({"files": files} if files else {})


def _process_or_source(function: Given, files: Files | None) -> dict[str, object]:
    if isinstance(function, str) and PROCESS_ID.fullmatch(function):
        return {"process": function}
    return as_input(read_function(function, files))


def _inputs(function: Function) -> dict[str, object]:
    """Return the inputs of a deployed function: a dataset, and its parameters after the first."""
    node = next(
        node
        for node in reversed(ast.parse(function.source).body)
        if isinstance(node, ast.FunctionDef) and node.name == function.entry
    )
    words = [*node.args.posonlyargs, *node.args.args]
    if not words:
        raise UnsendableFunctionError(function.entry, "it takes nothing: its first parameter is the block")
    defaults = [None] * (len(words) - len(node.args.defaults)) + list(node.args.defaults)
    pairs = [*zip(words, defaults, strict=True), *zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)]
    return {"dataset": {"schema": {"type": "string"}}} | {word.arg: _input(default) for word, default in pairs[1:]}


def _input(default: ast.expr | None) -> dict[str, Any]:
    if default is None:
        return {"schema": {}}
    try:
        value = ast.literal_eval(default)
        json.dumps(value, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        return {"schema": {}, "minOccurs": 0}
    return {"schema": {"default": value}, "minOccurs": 0}
