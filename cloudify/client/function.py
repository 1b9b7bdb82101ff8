"""A function of the user -> the source text that travels: this one function, and nothing that it stands on."""

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from textwrap import dedent
from types import CodeType

from cloudify.client.outside import advice, annotations_outside, names_outside
from cloudify.errors import InvalidCallError, UnsendableFunctionError
from cloudify.model.function import Function

Given = Callable[..., object] | str | Function
"""A function, source text whose last function is meant, or source text with the name of the function in it."""
Files = Mapping[str, bytes | str]
"""Relative path -> content of files beside a function."""

_ANNOTATIONS_STAY_TEXT = "from __future__ import annotations\n\n"


def read_function(given: Given, files: Files | None = None) -> Function:
    """Return what travels of a function, and files beside it.

    Raises
    ------
    UnsendableFunctionError
        Saying what cannot travel, and what to write instead.
    """
    if isinstance(given, Function):
        return given
    if isinstance(given, str):
        return Function(given, _last_function(given), _contents(files))
    name = getattr(given, "__name__", type(given).__name__)
    if fault := _fault_of_kind(given):
        raise UnsendableFunctionError(name, fault)
    source, node = _cut_out(given, name)
    if node.decorator_list:
        marks = ", ".join(f"@{ast.unparse(mark)}" for mark in node.decorator_list)
        raise UnsendableFunctionError(name, f"its decorator ({marks}) does not travel: send the function without it")
    _refuse_outside_names(given, node)
    if annotations_outside(node):  # they are for readers: nothing has to be there to evaluate them
        source = _ANNOTATIONS_STAY_TEXT + source
    return Function(source, node.name, _contents(files))


def _contents(files: Files | None) -> dict[str, bytes]:
    return {path: _content(path, content) for path, content in (files or {}).items()}


def _content(path: str, content: object) -> bytes:
    if isinstance(content, str):
        return content.encode()
    if not isinstance(content, bytes):
        kind = type(content).__name__
        raise InvalidCallError(f"expected the content of the file {path!r} as text or bytes, found {kind}")
    return content


def _fault_of_kind(given: object) -> str:
    """Say why a thing is no function that can be sent, ``""`` if it is one."""
    name = getattr(given, "__name__", "")
    return next((reason for is_so, reason in _kinds(given, name) if is_so), "")


def _kinds(given: object, name: str) -> Iterator[tuple[bool, str]]:
    yield isinstance(given, partial), "it is a partial: send its function, and what it binds as args={...}"
    yield isinstance(given, type), "it is a class: write a function, `def f(block): ...`, with all it needs inside"
    yield inspect.ismethod(given), "it is a method, whose object does not travel: write a function of a block"
    wrapped = f"its source is not Python's: write `def f(block): ...` that calls {name or 'it'}"
    is_function = inspect.isfunction(given)
    yield inspect.isroutine(given) and not is_function, wrapped
    kind = type(given).__name__
    yield not is_function, f"it is an object of type {kind}, and only source travels: write `def f(block): ...`"
    yield name == "<lambda>", "a lambda has no name to be called by: write `def f(block): ...`"
    yield hasattr(given, "__wrapped__"), "it is wrapped by a decorator, which does not travel: send the function inside"
    is_async = inspect.iscoroutinefunction(given) or inspect.isasyncgenfunction(given)
    yield is_async, "it is async, and slices are called like any function: write it without `async`"
    yield inspect.isgeneratorfunction(given), "it is a generator: return one result, e.g. a list, instead of `yield`"


def _cut_out(given: Callable[..., object], name: str) -> tuple[str, ast.FunctionDef]:
    """Return the source of a function from the margin on, and its tree."""
    try:
        source = _at_margin(inspect.getsource(given))
        body = ast.parse(source).body
    except (OSError, TypeError) as error:
        raise UnsendableFunctionError(
            name,
            "its source is not known, as of what is typed at a prompt or made by exec: write it in a file or a "
            "notebook, or send the source as text",
        ) from error
    except (SyntaxError, ValueError, IndexError) as error:
        raise UnsendableFunctionError(name, "its source cannot be cut out of its file: send it as text") from error
    node = body[0] if len(body) == 1 else None
    code = given.__code__
    if not isinstance(node, ast.FunctionDef) or _parameters(node) != _parameters_of(code):
        raise UnsendableFunctionError(name, "its file has changed since it was imported: import it again")
    return source, node


def _at_margin(source: str) -> str:
    """Move a function to the left margin, texts of several lines in it untouched."""
    if not source[:1].isspace():
        return source
    exact = ast.parse(f"if True:\n{source}").body[0].body[0]  # type: ignore[attr-defined]  # of an `if`
    moved = dedent(source)
    try:
        is_same = ast.dump(ast.parse(moved).body[0]) == ast.dump(exact)
    except SyntaxError:
        is_same = False
    return moved if is_same else ast.unparse(exact)


def _refuse_outside_names(given: Callable[..., object], node: ast.FunctionDef) -> None:
    known = _bound(given)
    lacking = [name for name in names_outside(node) if name != node.name]
    if lacking:
        module = getattr(given, "__module__", "") or ""
        said = "; ".join(advice(name, known, module) for name in lacking[:10])
        raise UnsendableFunctionError(node.name, f"only the function itself travels, and on the server {said}")


def _bound(given: Callable[..., object]) -> dict[str, object]:
    """Return what names outside of a function stand for here."""
    known = dict(given.__globals__)
    for name, cell in zip(given.__code__.co_freevars, given.__closure__ or (), strict=True):
        try:
            known[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            known[name] = None
    return known


def _parameters(node: ast.FunctionDef) -> tuple[str, ...]:
    return tuple(word.arg for word in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs))


def _parameters_of(code: CodeType) -> tuple[str, ...]:
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _last_function(source: str) -> str:
    """Return the name of the last function at the top of a source text."""
    try:
        functions = [node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnsendableFunctionError("source", f"it is not Python: {error}") from error
    if not functions:
        raise UnsendableFunctionError("source", "it has no function at its top: write `def f(block): ...`")
    return functions[-1]
