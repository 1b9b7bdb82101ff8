"""Our catalog: what is right is served, what is wrong is said with file and line."""

from pathlib import Path

import pytest

from cloudify.catalog.own import read_catalog
from cloudify.model.entry import Entry, Link
from cloudify.model.preparation import Preparation

WHOLE = """\
cloudify: 1
title: My archive
datasets:
  sst:
    href: data/sst.nc
    title: Sea surface temperature
    keywords: [ocean, monthly]
    version: 1.2
    citation: A. Author (2026)
    links:
      - {rel: derived_from, href: "https://example.org/run-7", title: The run}
      - {rel: cite-as, href: "https://doi.example.org/10.5/x"}
    bbox: [170, -10.5, -170, 10]
    interval: [2005-01-01, 2005-12-31T12:00:00+01:00]
    immutable: true
    codec: blosc
    compute: cluster
    options: {group: deep}
  far: {href: "https://example.org/x.zarr"}
"""
FAULTS = {
    "id": ("  ../etc: {href: x.nc}", 2, "an id such as 'etc'", "'../etc'"),
    "no href": ("  a: {title: x}", 2, "the key `href`", "none"),
    "no mapping": ("  a: x.nc", 2, "a mapping with the key `href`", "'x.nc'"),
    "unknown key": ("  a:\n    href: x.nc\n    hrf: y", 4, "one of title, description,", "'hrf'"),
    "unknown driver": ("  a: {href: x.xyz}", 2, "a file whose ending tells its driver, or the key `driver`", "'x.xyz'"),
    "codec": ("  a: {href: x.nc, codec: lzma}", 2, "one of zstd, blosc, gzip, none", "'lzma'"),
    "compute": ("  a: {href: x.nc, compute: gpu}", 2, "one of auto, cluster, server", "'gpu'"),
    "flag": ("  a: {href: x.nc, immutable: maybe}", 2, "true or false", "'maybe'"),
    "keywords": ("  a: {href: x.nc, keywords: sea}", 2, "a list of texts", "'sea'"),
    "title": ("  a: {href: x.nc, title: [1]}", 2, "text", "a list"),
    "options": ("  a: {href: x.nc, options: 3}", 2, "a mapping", "'3'"),
    "prepare": ("  a: {href: x.nc, prepare: [1]}", 2, "a mapping of what to prepare", "a list"),
    "prepare key": (
        "  a:\n    href: x.nc\n    prepare:\n      float64: true",
        5,
        "one of chunks, float32,",
        "'float64'",
    ),
    "keepbits flag": ("  a: {href: x.nc, prepare: {keepbits: true}}", 2, "a whole number of 1 to 23", "'true'"),
    "keepbits 0": ("  a: {href: x.nc, prepare: {keepbits: 0}}", 2, "a whole number of 1 to 23", "'0'"),
    "keepbits 24": ("  a: {href: x.nc, prepare: {keepbits: 24}}", 2, "a whole number of 1 to 23", "'24'"),
    "keepbits text": ("  a: {href: x.nc, prepare: {keepbits: '9'}}", 2, "a whole number of 1 to 23", "'9'"),
    "chunks": ("  a: {href: x.nc, prepare: {chunks: 3}}", 2, "sizes by dimension", "'3'"),
    "chunk -1": ("  a: {href: x.nc, prepare: {chunks: {x: -1}}}", 2, "a whole number of 1 to 2147483647", "'-1'"),
    "chunk 1.5": ("  a: {href: x.nc, prepare: {chunks: {x: 1.5}}}", 2, "a whole number of 1 to 2147483647", "'1.5'"),
    "chunk auto": ("  a: {href: x.nc, prepare: {chunks: {x: auto}}}", 2, "a whole number of 1 to 2147483647", "'auto'"),
    "float32": ("  a: {href: x.nc, prepare: {float32: 1}}", 2, "true or false", "'1'"),
    "drop": ("  a: {href: x.nc, prepare: {drop: tas}}", 2, "a list of names of variables", "'tas'"),
    "drop nothing": ("  a: {href: x.nc, prepare: {drop: [~]}}", 2, "the name of a variable", "'~'"),
    "promote": ("  a: {href: x.nc, prepare: {promote: [a b]}}", 2, "a name without spaces", "'a b'"),
    "split": ("  a: {href: x.nc, prepare: {split: [lev]}}", 2, "the name of a dimension", "a list"),
    "links": ("  a: {href: x.nc, links: https://example.org}", 2, "a list of links", "'https://example.org'"),
    "link": ("  a:\n    href: x.nc\n    links:\n      - {rel: via}", 5, "a link with `rel` and `href`", "a mapping"),
    "file link": ("  a: {href: x.nc, links: [{rel: via, href: 'file:///x'}]}", 2, "a relation other than", "'via'"),
    "own link": ("  a: {href: x.nc, links: [{rel: self, href: 'http://x.org'}]}", 2, "a relation other", "'self'"),
    "password": ("  a: {href: x.nc, links: [{rel: via, href: 'http://u:p@x.org'}]}", 2, "a relation other", "'via'"),
    "bbox": ("  a: {href: x.nc, bbox: [0, -90, 360, 90]}", 2, "[west, south, east, north] in degrees", "a list"),
    "no bbox": ("  a: {href: x.nc, bbox: global}", 2, "[west, south, east, north] in degrees", "'global'"),
    "interval": ("  a: {href: x.nc, interval: [2005, 2006]}", 2, "[start, end] as ISO dates", "a list"),
    "backwards": ("  a: {href: x.nc, interval: [2006-01-01, 2005-01-01]}", 2, "[start, end] as ISO dates", "a list"),
    "empty": ("  a:", 2, "a mapping with the key `href`", "nothing"),
    "twice": ("  good: {href: x.nc}", 2, "'good' once", "'good'"),
}


def read(tmp_path: Path, text: str) -> tuple[tuple[Entry, ...], list[tuple[int, str, str]], str]:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    catalog = read_catalog(path)
    assert all(fault.file == str(path) for fault in catalog.faults)
    return catalog.entries, [(f.line, f.expected, f.found) for f in catalog.faults], catalog.title


def test_a_whole_catalog(tmp_path: Path) -> None:
    entries, faults, title = read(tmp_path, WHOLE)
    assert faults == []
    assert title == "My archive"
    sst, far = entries
    assert sst == Entry(
        "sst", "netcdf", str(tmp_path / "data/sst.nc"), "Sea surface temperature",
        keywords=("ocean", "monthly"), immutable=True, codec="blosc", compute="cluster", options={"group": "deep"},
        version="1.2", citation="A. Author (2026)",
        links=(
            Link("derived_from", "https://example.org/run-7", "The run"),
            Link("cite-as", "https://doi.example.org/10.5/x"),
        ),
        bbox=(170.0, -10.5, -170.0, 10.0), interval=("2005-01-01T00:00:00Z", "2005-12-31T11:00:00Z"),
    )  # fmt: skip
    assert (far.driver, far.href) == ("zarr", "https://example.org/x.zarr")


@pytest.mark.parametrize(("text", "line", "expected", "found"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_costs_one_entry_and_names_its_line(
    tmp_path: Path, text: str, line: int, expected: str, found: str
) -> None:
    lines = text.split("\n")
    body = "datasets:\n" + "\n".join(lines) + "\n  good: {href: g.nc}\n"
    entries, faults, _ = read(tmp_path, body)
    at = line + 1 if text.startswith("  good") else line  # the second of two is the fault
    assert len(faults) == 1
    assert faults[0][0] == at
    assert faults[0][1].startswith(expected)
    assert faults[0][2] == found
    served = [entry.id for entry in entries if not entry.fault]
    assert served == ["good"]
    broken = [entry for entry in entries if entry.fault]
    assert [entry.id for entry in broken] in ([], ["a"])
    assert all("line" in entry.fault for entry in broken)


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("datasets: [", 1, "YAML"),
        ("a: b: c\n", 1, "YAML"),
        ("", 1, "a mapping with the key `datasets`"),
        ("- 1\n", 1, "a mapping with the key `datasets`"),
        ("title: x\n", 1, "the key `datasets`"),
        ("datasets: 3\n", 1, "a mapping of dataset ids"),
        ("cloudify: 2\ndatasets: {a: {href: x.nc}}\n", 1, "cloudify: 1"),
        ("entries: {}\n", 1, "one of cloudify, title, datasets"),
    ],
)
def test_a_file_that_is_no_catalog(tmp_path: Path, text: str, line: int, expected: str) -> None:
    _, faults, _ = read(tmp_path, text)
    assert faults[0][0] in {line, line + 1}
    assert faults[0][1].startswith(expected)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (fault,) = read_catalog(tmp_path / "nowhere.yaml").faults
    assert (fault.line, fault.expected, fault.found) == (0, "a readable YAML file", "No such file or directory")
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00")
    assert len(read_catalog(tmp_path / "b.yaml").faults) == 1
    assert str(fault) == f"{tmp_path / 'nowhere.yaml'}: expected a readable YAML file, found No such file or directory"


def test_what_is_to_be_prepared(tmp_path: Path) -> None:
    text = """\
datasets:
  a:
    href: x.nc
    prepare: {chunks: {time: 12, "y": 1}, float32: yes, keepbits: 10, drop: [h, g/t], promote: [lon], split: lev}
  b: {href: x.nc, prepare: {float32: false}}
"""
    (a, b), faults, _ = read(tmp_path, text)
    assert faults == []
    assert a.prepare == Preparation(
        (("time", 12), ("y", 1)), float32=True, keepbits=10, drop=("h", "g/t"), promote=("lon",), split="lev"
    )
    assert (a.prepare.file, a.prepare.line) == (str(tmp_path / "c.yaml"), 4)
    assert (a.is_prepared, b.is_prepared) == (True, False)


def test_yaml_runs_nothing(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    text = f'datasets:\n  a: {{href: x.nc, options: {{k: !!python/object/apply:os.mkdir ["{canary}"]}}}}\n'
    entries, faults, _ = read(tmp_path, text)
    assert not canary.exists()
    assert len(faults) == 1
    assert entries[0].fault


def test_a_deep_or_large_alias_costs_nothing(tmp_path: Path) -> None:
    layers = "\n".join(f"  a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9))
    entries, faults, _ = read(tmp_path, f"datasets:\n  a0: &a0 [x]\n{layers}\n  good: {{href: g.nc}}\n")
    assert [entry.id for entry in entries if not entry.fault] == ["good"]
    assert len(faults) == 9
