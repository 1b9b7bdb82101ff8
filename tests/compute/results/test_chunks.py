"""Chunks of slices become a dataset."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import chain, product
from pathlib import Path
from time import monotonic
from typing import Any

import numcodecs
import numpy as np
import pytest
import xarray as xr

from cloudify.chunks.stored_type import StoredType
from cloudify.compute.layout import Layout
from cloudify.compute.part import Part
from cloudify.compute.results.assemble import assemble_chunks
from cloudify.compute.results.index import IndexWriter
from cloudify.compute.results.large import LargeBlob, Noted
from cloudify.compute.results.parts import store_parts
from cloudify.datasets.documents import hierarchy_v3
from cloudify.datasets.manifest import Manifest, read_manifest, references
from cloudify.datasets.result import ResultObjects
from cloudify.errors import IncompleteResultError, StoreUnavailableError
from cloudify.model.blob import Blob
from cloudify.model.chunkgrid import ChunkGrid
from cloudify.model.outcome import Piece
from tests.compute.results.made import Folder, Left, chunks, documents, layout, temporaries

Open = Callable[[str], xr.Dataset]
VALUES = {
    "tas": np.linspace(-3, 3, 35, dtype="f4").reshape(7, 5),
    "count": np.arange(35, dtype="i2").reshape(7, 5),
    "mask": np.arange(35).reshape(7, 5) % 3 == 0,
    "wave": (np.arange(35) * (1 + 2j)).reshape(7, 5),
    "word": np.array([f"w{n}" * (n % 4) for n in range(35)], dtype=object).reshape(7, 5),
}
CHUNK = (3, 2)
LAYOUTS = {name: layout(values, ("y", "x"), CHUNK, units="1") for name, values in VALUES.items()}
Y = np.array([10, 20, 30, 40, 50, 60, 70], "i4")


def slices(blobs: Folder, skipped: tuple[int, ...] = ()) -> Iterator[Piece]:
    """Leave what nine and more slices leave, in their order."""
    parts = [chunks(name, values, LAYOUTS[name]) for name, values in VALUES.items()]
    for number, of_slice in enumerate(zip(*parts, strict=True), start=1):
        if number not in skipped:
            yield from store_parts(of_slice, blobs)


def assemble(blobs: Folder, pieces: Any, failed: tuple[int, ...] = ()) -> str:
    layouts = LAYOUTS | {"y": layout(Y, ("y",), (4,))}
    coordinates = chunks("y", Y, layouts["y"])
    return assemble_chunks(
        documents(layouts, title="made"), layouts, coordinates, Left(pieces, failed=failed), blobs
    ).manifest


def test_what_slices_left_is_read_by_xarray_as_it_was(blobs: Folder, opened: Open) -> None:
    ds = opened(assemble(blobs, slices(blobs)))
    for name, values in VALUES.items():
        np.testing.assert_array_equal(ds[name].to_numpy(), values)
        assert (ds[name].dims, ds[name].attrs) == (("y", "x"), {"units": "1"})
    np.testing.assert_array_equal(ds["y"], Y)
    assert ds.attrs == {"title": "made"}
    assert temporaries(blobs.folder) == []


def test_an_edge_chunk_is_padded_to_the_whole(blobs: Folder) -> None:
    """The chunk at the corner holds 1 x 1 of 3 x 2 elements; zarr wants all six."""
    (piece,) = store_parts([Part("tas", (2, 2), VALUES["tas"][6:, 4:], LAYOUTS["tas"])], blobs)
    raw = np.frombuffer(numcodecs.Zstd().decode(blobs.path(piece.sha256).read_bytes()), "<f4")
    np.testing.assert_array_equal(raw, [3, *[np.nan] * 5])
    assert piece.key == "tas/c/2/2"


def test_slices_that_failed_read_as_fill_and_their_numbers_are_said(blobs: Folder, opened: Open) -> None:
    sha256 = assemble(blobs, slices(blobs, skipped=(2, 9)), failed=(2, 9))
    ds = opened(sha256)
    assert ds.attrs["cloudify:failed_slices"] == [2, 9]
    gone = np.zeros((7, 5), bool)
    gone[0:3, 2:4] = gone[6:, 4:] = True
    for name, fill in {"tas": np.nan, "count": 0, "mask": False, "word": ""}.items():
        np.testing.assert_array_equal(ds[name], np.where(gone, np.full((7, 5), fill, VALUES[name].dtype), VALUES[name]))
    assert read_manifest(blobs.path(sha256)).failed == ((2, 2), (9, 9))
    assert "_FillValue" not in {**ds["count"].encoding, **ds["count"].attrs}


def test_a_chunk_that_is_lost_before_the_end_is_an_error_and_no_result(blobs: Folder) -> None:
    pieces = [piece for piece in slices(blobs) if piece.key != "count/c/1/1"]
    before = blobs.names()
    with pytest.raises(IncompleteResultError, match="1 chunks of 'count'"):
        assemble(blobs, pieces)
    left = blobs.names() - before
    assert temporaries(blobs.folder) == []
    assert not any(blobs.path(name).read_bytes().startswith(b'{"cloudify_result"') for name in left)


def test_a_result_is_the_same_in_whatever_order_chunks_come(blobs: Folder) -> None:
    pieces = list(slices(blobs))
    assert assemble(blobs, pieces) == assemble(blobs, reversed(pieces))


def test_a_piece_that_has_no_place_is_no_chunk(blobs: Folder) -> None:
    with pytest.raises(ValueError, match=r"no chunk \(3, 0\)"):
        assemble(blobs, chain(slices(blobs), [Piece("tas/c/3/0", "ab" * 32, 7)]))
    assert temporaries(blobs.folder) == []


def test_what_a_manifest_needs_is_what_is_there(blobs: Folder) -> None:
    """All of it, and nothing else: what is left over may be removed."""
    sha256 = assemble(blobs, slices(blobs))
    kept = blobs.names()
    spare, _ = blobs.put(b"nobody's")
    assert set(references(blobs.path(sha256))) == kept == blobs.names() - {spare}


def test_a_scalar_is_one_chunk(blobs: Folder, opened: Open) -> None:
    value = np.array(4.5)
    layouts = {"mean": layout(value, (), ())}
    pieces = store_parts(chunks("mean", value, layouts["mean"]), blobs)
    ds = opened(assemble_chunks(documents(layouts), layouts, [], Left(pieces), blobs).manifest)
    assert ds["mean"].item() == 4.5


MILLION = ChunkGrid((1_000_000, 4), (1, 4))
OF_MILLION = {"v": Layout(("x", "y"), MILLION, StoredType(np.dtype("<f4")), np.float32(np.nan))}


def million() -> Iterator[Piece]:
    """Leave every fifth chunk."""
    for number in range(4, MILLION.counts[0], 5):
        yield Piece(f"v/c/{number}/0", f"{number:064x}", 100 + number)


LARGE = """
import resource, sys
from pathlib import Path
from tests.compute.results.made import Folder, Left, documents
from cloudify.compute.results.assemble import assemble_chunks
from cloudify.datasets.manifest import references
from cloudify.datasets.result import stored_result
from cloudify.model.entry import Entry
from tests.compute.results.test_chunks import OF_MILLION, million

blobs, before = Folder(Path(sys.argv[1])), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
sha256 = assemble_chunks(documents(OF_MILLION), OF_MILLION, [], Left(million()), blobs, absent=800_000).manifest
_, objects = stored_result(Entry("job-1", "result", str(blobs.path(sha256))), 2**28)
print([objects.size(f"v/c/{n}/0") for n in (4, 5, 9, 999_999)])
print(next(objects.written("v")), sum(1 for _ in references(blobs.path(sha256))))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def run(code: str, folder: Path, **given: Any) -> "subprocess.Popen[str]":
    """Run a program that finds what is shared by tests."""
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    return subprocess.Popen([sys.executable, "-c", code, folder], stdout=subprocess.PIPE, text=True, env=env, **given)


def test_a_million_chunks_cost_no_memory(tmp_path: Path) -> None:
    """Neither to put together, nor to open, nor to read one of, nor to list: the index alone is 40 MB."""
    with run(LARGE, tmp_path) as child:
        assert child.stdout
        sizes, counts, grown_kib = child.stdout.read().splitlines()
    assert sizes == "[104, None, 109, 1000099]"
    assert counts == "(4, 0) 200002"  # the manifest and the index, besides
    assert int(grown_kib) * 1024 < 25e6


def test_a_chunk_of_a_million_is_found_as_quickly_as_one_of_ten(blobs: Folder) -> None:
    def seconds(count: int) -> float:
        grid = ChunkGrid((count,), (1,))
        with IndexWriter(Noted(blobs), grid) as index:
            index.put((count - 1,), Blob("ab" * 32, 5))
            (name, _), _ = index.seal()
        layouts = {"v": Layout(("x",), grid, StoredType(np.dtype("<f4")))}
        node = json.loads(documents(layouts)["v/zarr.json"])
        root = {"zarr_format": 3, "node_type": "group"}
        objects = ResultObjects(
            Manifest(root, {"v": node}, {"v": name}), hierarchy_v3(dict(root), {"v": node}, 2**28), blobs.folder
        )
        best = np.inf
        for _ in range(200):
            start = monotonic()
            assert objects.size(f"v/c/{count - 1}") == 5
            best = min(best, monotonic() - start)
        return float(best)

    assert seconds(1_000_000) < 5 * seconds(10) + 50e-6


KILLED = """
import sys
from itertools import chain
from pathlib import Path
from tests.compute.results.made import Folder
from tests.compute.results.test_chunks import assemble, slices

blobs = Folder(Path(sys.argv[1]))

def pieces():
    yield from slices(blobs)
    print("all but the manifest", flush=True)
    sys.stdin.read()

assemble(blobs, pieces())
"""


def test_a_kill_before_the_manifest_leaves_what_can_be_swept(blobs: Folder) -> None:
    """And who does it again has the result that an undisturbed one has."""
    with run(KILLED, blobs.folder.parent, stdin=subprocess.PIPE) as child:
        assert child.stdout
        assert child.stdout.readline() == "all but the manifest\n"
        child.send_signal(signal.SIGKILL)
        child.communicate()
    left = temporaries(blobs.folder)
    assert len(left) == len(VALUES) + 1  # an index for each array
    whole = blobs.names() - set(left)
    assert all(not blobs.path(name).read_bytes().startswith(b"{") for name in whole)  # no manifest
    undisturbed = Folder(blobs.folder.parent / "other")
    expected = assemble(undisturbed, slices(undisturbed))
    assert assemble(blobs, slices(blobs)) == expected
    assert temporaries(blobs.folder) == left  # another's are not ours to remove


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder = tmp_path / "small"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], check=False, capture_output=True)
    if made.returncode:
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_leaves_no_half_written_index(small_disk: Path) -> None:
    blobs = Folder(small_disk)
    with pytest.raises(StoreUnavailableError, match="its disk is full"):
        assemble_chunks(documents(OF_MILLION), OF_MILLION, [], Left(million()), blobs, absent=800_000)
    assert blobs.names() == set()


def test_a_large_blob_has_what_was_written_in_any_order(blobs: Folder) -> None:
    with LargeBlob(Noted(blobs), 10) as large:
        large.write(b"cd", 6)
        large.write(b"ab", 1)
        sealed = large.seal()
    assert blobs.path(sealed.sha256).read_bytes() == b"\0ab\0\0\0cd\0\0"
    assert sealed == Blob(blobs.put(b"\0ab\0\0\0cd\0\0")[0], 10)
    assert temporaries(blobs.folder) == []


def test_the_index_counts_chunks_written_over_once(blobs: Folder) -> None:
    grid = ChunkGrid((4, 3), (1, 1))
    with IndexWriter(Noted(blobs), grid) as index:
        for place in [*product(range(4), range(3)), (1, 1), (0, 0)]:
            index.put(place, Blob("cd" * 32, 1))
        assert index.seal()[1] == 12
