"""Which names a function takes from around it, and what to write instead: on the server there is nothing around it."""

import ast
import builtins
import symtable
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import cast

_THERE = frozenset(dir(builtins)) | {"__name__", "__builtins__"}
"""Names that are there wherever source runs."""


def names_outside(node: ast.FunctionDef) -> list[str]:
    """Return the names that a function needs from outside to be defined and to run, annotations aside.

    >>> names_outside(ast.parse("def f(x: A, k=B): return g(x.h, [n for n in x], len(x))").body[0])
    ['B', 'g']
    """
    bare = ast.Module([_Bare().visit(ast.parse(ast.unparse(node)).body[0])], [])
    table = symtable.symtable(ast.unparse(bare), "<function>", "exec")
    return sorted(set(_from_around(table)) - _THERE)


def annotations_outside(node: ast.FunctionDef) -> set[str]:
    """Return the names in annotations that need something from outside."""
    arguments = (word for part in ast.walk(node) if isinstance(part, ast.arguments) for word in _every(part))
    returned = (part.returns for part in ast.walk(node) if isinstance(part, ast.FunctionDef))
    marks = [mark for mark in (*(word.annotation for word in arguments), *returned) if mark is not None]
    return {part.id for mark in marks for part in ast.walk(mark) if isinstance(part, ast.Name)} - _THERE


def advice(name: str, known: Mapping[str, object], module: str) -> str:
    """Say what to write instead of a name that stands for nothing on the server.

    >>> advice("tau", {"tau": 6.28}, "script")
    "there is no `tau`: make it a parameter and pass it in args={'tau': ...}"
    """
    if name not in known:
        return f"there is no `{name}`, nor is there here"
    instead = _import_of(name, known[name], module)
    if instead:
        return f"there is no `{name}`: write `{instead}` inside the function"
    if callable(known[name]):
        return f"there is no `{name}`: define it inside the function, or send both as source text"
    return f"there is no `{name}`: make it a parameter and pass it in args={{{name!r}: ...}}"


def _import_of(name: str, value: object, module: str) -> str:
    """Return the import that binds a name to what it stands for, ``""`` if none would."""
    if isinstance(value, ModuleType):
        return f"import {value.__name__}" if value.__name__ == name else f"import {value.__name__} as {name}"
    home, own = (getattr(value, word, None) for word in ("__module__", "__name__"))
    if not callable(value) or not isinstance(home, str) or not isinstance(own, str) or home in {module, "__main__"}:
        return ""
    return f"from {home} import {own}" + f" as {name}" * (own != name)


def _from_around(table: symtable.SymbolTable) -> Iterator[str]:
    for symbol in table.get_symbols():
        is_outside = symbol.is_global() or table.get_type() == "module"
        if (symbol.is_referenced() and is_outside) or symbol.is_declared_global():
            yield symbol.get_name()
    for child in table.get_children():
        yield from _from_around(child)


def _every(arguments: ast.arguments) -> list[ast.arg]:
    several = [word for word in (arguments.vararg, arguments.kwarg) if word is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *several]


class _Bare(ast.NodeTransformer):
    """Takes annotations away."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(node.arg)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.returns = None
        return cast("ast.FunctionDef", self.generic_visit(node))

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        node.annotation = ast.Constant(None)
        return cast("ast.AnnAssign", self.generic_visit(node))
