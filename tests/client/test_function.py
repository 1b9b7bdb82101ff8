"""What of a function travels, and what is said of what cannot."""

import ast
import functools
import importlib.util
import linecache
import math
import subprocess
import sys
from collections.abc import Callable
from math import hypot
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from cloudify.client.function import read_function
from cloudify.errors import UnsendableFunctionError
from cloudify.model.function import Function

TAU = 6.28
counter = 0


def run(function: Function, *arguments: Any, **options: Any) -> Any:
    """Run a function as it arrives: with nothing around it."""
    names: dict[str, Any] = {"__name__": "elsewhere"}
    exec(function.source, names)  # noqa: S102  # written in this file
    return names[function.entry](*arguments, **options)


def windspeed(block: Any) -> Any:
    import numpy as np  # noqa: PLC0415  # as users are told to

    return np.hypot(block["uas"], block["vas"])


def factorial(n: int) -> int:
    return 1 if n < 2 else n * factorial(n - 1)


def everything(x: int, /, y: int = 2, *rest: int, k: int = 3, **options: int) -> int:
    total = 0
    squares = [n * n for n in range(x) if n]
    inner = lambda a: a + total  # noqa: E731

    class Thing:
        size = len(squares)

        def double(self) -> int:
            return 2 * self.size

    def add(*, by: int) -> int:
        nonlocal total
        total += by
        return total

    try:
        add(by=y + k + sum(rest) + sum(options.values()))
    except OSError as error:
        return error.errno
    return inner(Thing().double())


def annotated(block: np.ndarray, _other: xr.DataArray | None = None) -> np.ndarray:
    def inner(values: np.ndarray) -> np.ndarray:
        return values

    found: np.ndarray = inner(block)
    return found


def test_the_function_of_the_interface_travels_and_runs() -> None:
    sent = read_function(windspeed)
    assert (sent.entry, dict(sent.files)) == ("windspeed", {})
    assert [type(node) for node in ast.parse(sent.source).body] == [ast.ImportFrom, ast.FunctionDef]  # annotations
    np.testing.assert_array_equal(run(sent, {"uas": np.array([3.0, 0.0]), "vas": np.array([4.0, 2.0])}), [5.0, 2.0])


def test_what_a_function_holds_by_itself_travels() -> None:
    assert run(read_function(factorial), 5) == 120
    assert run(read_function(everything), 4, 1, 10, k=5, z=100) == everything(4, 1, 10, k=5, z=100) == 2 * 3 + 116


def test_annotations_are_for_readers() -> None:
    """They name what is not there on the server, and nothing evaluates them."""
    assert list(run(read_function(annotated), np.arange(2))) == [0, 1]


def test_a_function_inside_another_is_moved_to_the_margin_with_its_texts_as_they_are() -> None:
    if TAU:

        def told(n: int) -> str:
            text = """
            indented
  not
            """
            return text * n

        def recursive(n: int) -> int:
            return 0 if n == 0 else 1 + recursive(n - 1)

        def plain(n: int) -> int:
            # a comment that stays
            return n

    assert run(read_function(told), 2) == told(2)
    assert run(read_function(recursive), 3) == 3
    assert "    # a comment that stays\n" in read_function(plain).source


def test_source_text_is_taken_as_it_is_and_its_last_function_is_meant() -> None:
    source = (
        "from math import pi\n\ndef helper(x):\n    return x * pi\n\ndef area(r):\n    return helper(r * r)\n\nN = 1\n"
    )
    assert read_function(source, {"a.txt": b"x"}) == Function(source, "area", {"a.txt": b"x"})
    assert run(read_function(source), 1.0) == math.pi
    named = Function(source, "helper")
    assert read_function(named) is named


def closure() -> Callable[..., Any]:
    k, m = 3, np

    def scaled(block: Any) -> Any:
        return m.add(block, k)

    return scaled


def decorator(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*arguments: Any) -> Any:
        return function(*arguments)

    return wrapper


def mark(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


@decorator
def wrapped(block: Any) -> Any:
    return block


@mark
def marked(block: Any) -> Any:
    return block


def uses_modules(block: Any) -> Any:
    return np.hypot(block, math.pi) + hypot(1, 2)


def uses_values(block: Any) -> Any:
    return [block * TAU * n for n in range(counter)]


def uses_helper(block: Any) -> Any:
    return factorial(block)


def uses_nothing(block: Any) -> Any:
    return undefined + block  # type: ignore[name-defined]  # noqa: F821


def counts(block: Any) -> Any:
    global counter  # noqa: PLW0603
    counter += 1
    return block


def defaults(block: Any, k: float = TAU) -> Any:
    return block * k


async def waits(block: Any) -> Any:
    return block


def yields(block: Any) -> Any:
    yield block


class Model:
    """An object with a method, that can be called."""

    def apply(self, block: Any) -> Any:
        return block

    def __call__(self, block: Any) -> Any:
        return block


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda block: block, "'<lambda>' cannot be sent: a lambda has no name to be called by: write `def f(block)"),
        (closure(), "there is no `k`: make it a parameter and pass it in args={'k': ...}"),
        (closure(), "there is no `m`: write `import numpy as m` inside the function"),
        (wrapped, "'wrapped' cannot be sent: it is wrapped by a decorator"),
        (marked, "its decorator (@mark) does not travel"),
        (
            functools.partial(factorial, 3),
            "'partial' cannot be sent: it is a partial: send its function, and what it",
        ),
        (
            uses_modules,
            "on the server there is no `hypot`: write `from math import hypot` inside the function; "
            "there is no `math`: write `import math` inside the function; "
            "there is no `np`: write `import numpy as np` inside the function",
        ),
        (uses_values, "there is no `TAU`: make it a parameter and pass it in args={'TAU': ...}; there is no `counter`"),
        (uses_helper, "there is no `factorial`: define it inside the function, or send both as source text"),
        (uses_nothing, "there is no `undefined`, nor is there here"),
        (counts, "there is no `counter`: make it a parameter"),
        (defaults, "there is no `TAU`: make it a parameter"),
        (waits, "it is async"),
        (yields, "it is a generator: return one result"),
        (Model, "'Model' cannot be sent: it is a class"),
        (Model().apply, "'apply' cannot be sent: it is a method, whose object does not travel"),
        (Model(), "'Model' cannot be sent: it is an object of type Model, and only source travels"),
        (len, "'len' cannot be sent: its source is not Python's: write `def f(block): ...` that calls len"),
        (np.hypot, "it is an object of type ufunc, and only source travels"),
        (3, "'int' cannot be sent: it is an object of type int"),
        ("x = 1", "it has no function at its top"),
        ("def f(:", "it is not Python"),
        ("def f():\n  return '\0'", "it is not Python"),
        ("(" * 100_000, "it is not Python"),
    ],
)
def test_what_cannot_travel_is_named_with_the_way_out(function: Any, said: str) -> None:
    with pytest.raises(UnsendableFunctionError) as refused:
        read_function(function)
    assert said in str(refused.value)


def test_a_file_that_changed_since_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def f(block):\n    return block\n")
    spec = importlib.util.spec_from_file_location("mine", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    file.write_text("def f(block, other):\n    return other\n")
    with pytest.raises(UnsendableFunctionError, match="its file has changed since it was imported"):
        read_function(module.f)


def test_a_function_typed_at_a_prompt_has_no_source_and_that_is_said() -> None:
    typed = "def f(block): return block\n\nfrom cloudify.client.function import read_function\nread_function(f)\n"
    done = subprocess.run(
        [sys.executable, "-c", f"exec({typed!r})"], capture_output=True, text=True, check=False
    )  # what is typed at a prompt has no file either
    assert "UnsendableFunctionError: 'f' cannot be sent: its source is not known, as of what is typed" in done.stderr


def test_a_function_of_a_notebook_travels() -> None:
    """A kernel puts the text of its cells where inspect looks for files."""
    cell = "<ipython-input-1>"
    source = "import math\n\ndef f(block):\n    return block + 1\n"
    linecache.cache[cell] = (len(source), None, source.splitlines(keepends=True), cell)
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(source, cell, "exec"), names)  # noqa: S102  # a cell
    assert read_function(names["f"]).source == "def f(block):\n    return block + 1\n"
