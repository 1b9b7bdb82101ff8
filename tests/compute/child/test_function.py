"""Sources that cannot be run, found by reading them only."""

import re
import time
from pathlib import Path

import pytest

from cloudify.compute.child.function import MOST_NODES, SOURCE_NBYTES, check_source
from cloudify.errors import InvalidFunctionError
from cloudify.http.problems import Problem

GOOD = "def f(block):\n    return block\n"

BAD = {
    "nothing": ("", "f", "the source defines no function 'f' at its top; it defines none: send the whole `def`"),
    "another": (GOOD, "g", "no function 'g' at its top; it defines f"),
    "lambda": ("f = lambda block: block", "f", r"'f' is a lambda there: write `def f\(...\):` with a `return`"),
    "annotated lambda": ("f: object = lambda block: block", "f", "'f' is a lambda there"),
    "only a lambda": ("lambda block: block", "f", "it defines none"),
    "class": ("class f:\n    pass\n", "f", "'f' is a class there: write a function that uses it"),
    "method": ("class A:\n    def f(self):\n        pass\n", "f", "the one at line 2 lies within something else"),
    "inner": (
        "def g():\n    def f():\n        pass\n",
        "f",
        "the one at line 2 lies within something else: move it to the margin",
    ),
    "in a condition": ("if True:\n    def f():\n        pass\n", "f", "lies within something else"),
    "twice": (GOOD + "\n" + GOOD, "f", r"the source defines 'f' more than once \(lines 1, 4\); keep one of them"),
    "async": (
        "async def f(block):\n    pass\n",
        "f",
        "'f' is an `async def`, which is not awaited here; make it a plain `def`",
    ),
    "no python": (
        "def f(block:\n    return",
        "f",
        r"line 1 of the source is no Python \('\(' was never closed\): def f\(block:",
    ),
    "indented": ("    def f(x):\n        return x\n", "f", r"line 1 of the source is no Python \(unexpected indent\)"),
    "tabs": ("def f(x):\n\tif x:\n        return 1\n", "f", "no Python"),
    "nul": (GOOD + "\0", "f", "the source holds a NUL character; remove it"),
    "half a pair": (f"{GOOD}x = '\ud800'\n", "f", r"holds characters that are no text \(surrogates\); send UTF-8"),
    "a megabyte": (
        GOOD + "#" * 2**20,
        "f",
        "the source has 1048607 bytes, and 262144 are taken; pass data in `args` or `files`",
    ),
    "a megabyte of wide letters": (GOOD + "# " + "\N{SNOWMAN}" * 100_000, "f", "the source has 300033 bytes"),
    "parentheses": (f"x = {'(' * 100_000}1{')' * 100_000}\n", "f", "nested"),
    "signs": (f"x = {'-' * 100_000}1\n", "f", "nested"),
    "dots": (f"x = a{'.b' * 50_000}\n", "f", "nested"),
    "sum": (f"x = {'+'.join('1' * 50_000)}\n", "f", "nested"),
    "calls": (f"x = f{'()' * 50_000}\n", "f", "nested"),
    "strings": (f"x = f'{'{' * 50_001}'\n", "f", "no Python"),
    "blocks": ("".join(f"{' ' * i}if x:\n" for i in range(150)) + " " * 150 + "pass\n", "f", "no Python|nested"),
    "a table": (
        f"x = [{'1,' * 60_000}]\n{GOOD}",
        "f",
        f"more than {MOST_NODES} parts; move tables of numbers into `args`",
    ),
    "a number": (f"x = {'9' * 100_000}\n", "f", "no Python"),
    "escape": ("x = '\\N{NO SUCH NAME}'\n", "f", "no Python"),
    "return outside": ("return 1", "g h", "the entry 'g h' is no name of a function; give the name after its `def`"),
    "keyword": (GOOD, "class", "the entry 'class' is no name of a function"),
    "no entry": (GOOD, "", "the entry '' is no name of a function"),
    "dotted": (GOOD, "os.system", "the entry 'os.system' is no name"),
    "long entry": (GOOD, "f" * 10_000, "no function 'ffff"),
}


@pytest.mark.parametrize(("source", "entry", "words"), BAD.values(), ids=list(BAD))
def test_a_source_that_cannot_be_run_says_what_to_change(source: str, entry: str, words: str) -> None:
    began = time.monotonic()
    with pytest.raises(InvalidFunctionError) as caught:
        check_source(source, entry)
    assert re.search(words, str(caught.value)), str(caught.value)
    assert len(str(caught.value)) < 1000
    assert time.monotonic() - began < 5
    assert Problem.of(caught.value).status == 422
    assert caught.value.code == "invalid-function"


@pytest.mark.parametrize(
    "source",
    [
        GOOD,
        "import numpy as np\n\n@staticmethod\ndef f(a, /, b=1, *c, **d):\n    def f(): pass\n    return np.hypot(a)\n",
        "def other():\n    async def f(): pass\n\ndef f(block):\n    yield block\n",
        GOOD + "#" * (SOURCE_NBYTES - len(GOOD)),
        "def f(\N{LATIN SMALL LETTER E WITH ACUTE}):\n    return '\N{SNOWMAN}'\n",
        "def f(x):\r\n    return x\r\n",
    ],
)
def test_a_source_with_one_function_of_that_name_may_be_run(source: str) -> None:
    check_source(source, "f")


def test_nothing_of_a_source_is_run(tmp_path: Path) -> None:
    check_source(f"open({str(tmp_path / 'canary')!r}, 'w')\nimport nowhere\n{GOOD}", "f")
    assert not list(tmp_path.iterdir())
