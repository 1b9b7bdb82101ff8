"""Whether a source can be run, as far as reading it can tell. Nothing of it is run, compiled or imported."""

import ast
from collections.abc import Iterator
from keyword import iskeyword

from cloudify.errors import InvalidFunctionError
from cloudify.errors.families import quote

SOURCE_NBYTES = 256 * 2**10
MOST_NODES = 50_000
MOST_DEPTH = 200

Definition = ast.FunctionDef | ast.AsyncFunctionDef


def check_source(source: str, entry: str) -> None:
    """Return if `source` parses and defines one function `entry` at its top.

    Raises
    ------
    InvalidFunctionError
        If not; it says what to change.
    """
    if not entry.isidentifier() or iskeyword(entry):
        raise InvalidFunctionError(f"the entry {quote(entry)} is no name of a function; give the name after its `def`")
    tree = _parsed(source)
    _check_size(tree)
    found = [node for node in tree.body if isinstance(node, Definition) and node.name == entry]
    if not found:
        raise InvalidFunctionError(f"the source defines no function {quote(entry)} at its top; {_instead(tree, entry)}")
    if len(found) > 1:
        lines = ", ".join(str(node.lineno) for node in found)
        raise InvalidFunctionError(
            f"the source defines {quote(entry)} more than once (lines {lines}); keep one of them"
        )
    if isinstance(found[0], ast.AsyncFunctionDef):
        raise InvalidFunctionError(
            f"{quote(entry)} is an `async def`, which is not awaited here; make it a plain `def`"
        )


def _parsed(source: str) -> ast.Module:
    try:
        nbytes = len(source.encode())
    except UnicodeEncodeError:
        raise InvalidFunctionError("the source holds characters that are no text (surrogates); send UTF-8") from None
    if nbytes > SOURCE_NBYTES:
        raise InvalidFunctionError(
            f"the source has {nbytes} bytes, and {SOURCE_NBYTES} are taken; pass data in `args` or `files`"
        )
    if "\0" in source:
        raise InvalidFunctionError("the source holds a NUL character; remove it")
    try:
        return ast.parse(source)
    except SyntaxError as error:
        text = f": {error.text.strip()[:80]}" if error.text else ""
        raise InvalidFunctionError(f"line {error.lineno or 1} of the source is no Python ({error.msg}){text}") from None
    except (RecursionError, MemoryError):
        raise InvalidFunctionError("the source is nested too deeply to be read; split its expressions") from None
    except ValueError as error:
        raise InvalidFunctionError(f"the source is no Python ({error})") from None


def _check_size(tree: ast.Module) -> None:
    nodes, depth, level = 0, 0, list[ast.AST]([tree])
    while level:
        nodes, depth = nodes + len(level), depth + 1
        if nodes > MOST_NODES:
            raise InvalidFunctionError(
                f"the source has more than {MOST_NODES} parts; move tables of numbers into `args` or `files`"
            )
        if depth > MOST_DEPTH:
            raise InvalidFunctionError(f"the source is nested more than {MOST_DEPTH} deep; split its expressions")
        level = [child for node in level for child in ast.iter_child_nodes(node)]


def _instead(tree: ast.Module, entry: str) -> str:
    """Say what there is of that name, or which functions there are."""
    if any(isinstance(value, ast.Lambda) for value in _assigned(tree, entry)):
        return f"{quote(entry)} is a lambda there: write `def {entry[:100]}(...):` with a `return`"
    for node in ast.walk(tree):
        if isinstance(node, Definition) and node.name == entry:
            return f"the one at line {node.lineno} lies within something else: move it to the margin"
        if isinstance(node, ast.ClassDef) and node.name == entry:
            return f"{quote(entry)} is a class there: write a function that uses it"
    names = [node.name for node in tree.body if isinstance(node, Definition)]
    return f"it defines {', '.join(names[:10])[:400]}" if names else "it defines none: send the whole `def`"


def _assigned(tree: ast.Module, name: str) -> Iterator[ast.expr | None]:
    """Yield what is assigned to a name at the top."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            yield from (node.value for target in targets if isinstance(target, ast.Name) and target.id == name)
