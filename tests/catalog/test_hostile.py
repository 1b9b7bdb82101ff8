"""YAML catalogs that mean harm: each is a fault with its line, costs nothing, and the others are served."""

import os
import time
from pathlib import Path

import pytest

from cloudify.catalog.catalog import Catalog
from cloudify.catalog.targets import read_targets
from cloudify.errors import InvalidTargetError

BOMB = ", ".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9) if n else 'x'}]" for n in range(12))
"""Nine to the power of eleven values in half a kilobyte."""
CHAIN = ", ".join(f"a{n}: &a{n} [{f'*a{n - 1}' if n else 'x'}]" for n in range(3000))


def read(tmp_path: Path, text: str) -> Catalog:
    (tmp_path / "c.yaml").write_text(text)
    start = time.monotonic()
    catalog = read_targets([str(tmp_path / "c.yaml")])
    assert time.monotonic() - start < 5
    assert sum(len(str(fault)) for fault in catalog.faults) < 5000
    return catalog


OWN = {
    "a bomb in options": (f"href: x.nc, options: {{{BOMB}}}", "plain YAML values", "more than 10000 values"),
    "a chain of aliases": (f"href: x.nc, options: {{{CHAIN}}}", "plain YAML values", "more than 10000 values"),
    "a circle": ("href: x.nc, options: &a {b: [*a]}", "plain YAML values", "more than 10000 values"),
    "a tag": ("href: x.nc, options: {a: !!python/name:os.system x}", "plain YAML values", "could not determine"),
    "a tag without sense": ("href: x.nc, options: {a: !!bool x}", "plain YAML values", "a tag that its text"),
    "a date that is none": ("href: x.nc, options: {a: !!timestamp 2005-13-45}", "plain YAML values", "a tag that"),
    "a number without end": (f"href: x.nc, options: {{a: {'9' * 5000}}}", "plain YAML values", "a tag that its"),
    "a set": ("href: x.nc, options: !!set {a, b}", "a mapping", "a mapping"),
    "NUL": ('href: "x\\0.nc"', "a path or URL without control characters", "'x\\x00.nc'"),
    "a line break": ('href: "x\\n.nc"', "a path or URL without control characters", "'x\\n.nc'"),
    "no host": ("href: 'http://[::1'", "a path or URL that can be", "'http://[::1'"),
    "nobody's": ("href: ~nobodyhere/x.nc", "a path or URL that can be", "'~nobodyhere/x.nc'"),
    "a list as key": ("href: x.nc, ? [a, b] : c", "a text as key", "a list"),
    "a bomb as key": (f"href: x.nc, options: {{{BOMB}}}, ? *a11 : c", "a text as key", "a list"),
    "a negative chunk": ("href: x.nc, prepare: {chunks: {time: -3}}", "a whole number of 1 to 2147483647", "'-3'"),
    "a huge chunk": (f"href: x.nc, prepare: {{chunks: {{t: {'9' * 5000}}}}}", "a whole number of 1 to", "'9999"),
    "keepbits of truth": ("href: x.nc, prepare: {keepbits: true}", "a whole number of 1 to 23", "'true'"),
    "keepbits by alias": ("href: x.nc, title: &t [1], prepare: {keepbits: *t}", "text", "a list"),
}  # fmt: skip


@pytest.mark.parametrize(("bad", "expected", "found"), OWN.values(), ids=OWN.keys())
def test_a_fault_of_our_catalog_has_its_line(tmp_path: Path, bad: str, expected: str, found: str) -> None:
    catalog = read(tmp_path, f"datasets:\n  good: {{href: g.nc}}\n  bad: {{{bad}}}\n  2005-01-01: {{href: d.nc}}\n")
    assert [entry.id for entry in catalog.entries if not entry.fault] == ["good", "2005-01-01"]
    assert {fault.line for fault in catalog.faults} == {3}
    assert any(fault.expected.startswith(expected) and fault.found.startswith(found) for fault in catalog.faults)


INTAKE = {
    "a bomb": (f"metadata: {{{BOMB}}}", "more than 10000 values"),
    "a bomb as address": (f"metadata: {{{BOMB}}}, args: {{urlpath: *a11}}", "more than 10000 values"),
    "a circle": ("args: &a {urlpath: *a}", "more than 10000 values"),
    "a date that is none": ("metadata: {a: !!timestamp x}", "a tag that its text does not fit"),
    "a tag": ("metadata: {a: !!python/object/apply:os.getcwd []}", "could not determine a constructor"),
    "unhashable": ("metadata: {? {a: b} : c}", "found unhashable key"),
    "NUL": ('driver: netcdf, args: {urlpath: "a\\0"}', "'a\\x00'"),
    "a mapping as driver": ("driver: {a: b}, args: {urlpath: x.nc}", "a mapping"),
    "a number as description": ("driver: netcdf, args: {urlpath: [1]}, description: 3", "a list of 1"),
}


@pytest.mark.parametrize(("bad", "found"), INTAKE.values(), ids=INTAKE.keys())
@pytest.mark.parametrize("section", ["sources", "data"])
def test_a_fault_of_an_intake_catalog_has_its_line(tmp_path: Path, section: str, bad: str, found: str) -> None:
    good = {
        "sources": "{driver: netcdf, args: {urlpath: g.nc}}, ",
        "data": "{datatype: 'x:HDF5', kwargs: {url: g.nc}}, ",
    }[section].rstrip(", ")
    catalog = read(tmp_path, f"version: 2\n{section}:\n  good: {good}\n  bad: {{{bad}}}\n  2005-13-45: {good}\n")
    assert [entry.id for entry in catalog.entries] == ["good", "2005-13-45"]
    (fault,) = catalog.faults
    assert fault.line == 4
    if section == "sources":
        assert fault.found.startswith(found)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000, "a: " + "{x: " * 100_000, "- " * 100_000, "? " * 100_000,
        f"datasets: {{a: {'[' * 100_000}{']' * 100_000}}}",
    ],
    ids=["lists", "mappings", "blocks", "keys", "closed"],
)  # fmt: skip
def test_a_hundred_thousand_levels_end_neither_the_process_nor_the_others(tmp_path: Path, text: str) -> None:
    (tmp_path / "good.yaml").write_text("datasets: {good: {href: g.nc}}\n")
    (tmp_path / "deep.yaml").write_text(text)
    catalog = read_targets([str(tmp_path / "deep.yaml"), str(tmp_path / "good.yaml")])
    assert [entry.id for entry in catalog.entries] == ["good"]
    (fault,) = catalog.faults
    assert (fault.line, fault.expected, fault.found) == (1, "YAML", "more than 64 levels")


def test_keys_of_the_file_that_are_no_text_are_faults(tmp_path: Path) -> None:
    catalog = read(tmp_path, "? [1]\n: 2\n? {a: b}\n: 3\ndatasets: {1: {href: x.nc}, true: {href: y.nc}}\n")
    assert [entry.id for entry in catalog.entries] == ["1", "true"]
    assert [(fault.line, fault.expected) for fault in catalog.faults] == [(1, "a text as key"), (3, "a text as key")]


def test_a_pipe_is_no_catalog(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "c.yaml")
    with pytest.raises(InvalidTargetError, match="cannot tell what"):
        read_targets([str(tmp_path / "c.yaml")])
