"""Row ``computed-cached``: chunks that were computed and are kept, against stored ones with the same bytes."""

from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.answers import check_equal, fetch
from benchmarks.load import ask_for
from benchmarks.noise import SMALL
from benchmarks.rows import Effort, Outcome, Row, Target, compare
from benchmarks.servers import serve

STORED, COMPUTED = "cloudify serve noise.zarr", "cloudify serve host.py:datasets"
HOST = """
from pathlib import Path
import xarray as xr

ds = xr.open_dataset(Path(__file__).with_name("noise.zarr"), engine="zarr", chunks={}, consolidated=False)
datasets = {"noise": ds.assign(tas=abs(ds["tas"]))}
"""


def run(effort: Effort) -> Outcome:
    """Compare a store with the same values computed from it by dask."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="cloudify-bench-")))
        script = folder / "host.py"
        script.write_text(HOST, encoding="utf-8")
        peers = {
            STORED: stack.enter_context(serve(SMALL.write(folder))),
            COMPUTED: stack.enter_context(serve(f"{script}:datasets")),
        }
        contents = fetch(peers[STORED].url, SMALL.paths())
        check_equal(peers[COMPUTED].url, contents, COMPUTED)
        figures, _ = compare(peers, ask_for(folder / "keys.lua", SMALL.paths()), effort, limit=STORED)
    answered = median(len(content) for content in contents.values())
    return Outcome(
        f"one of {SMALL.shape[0]} chunks at random, {answered / 1e3:.0f} kB as zstd; dask computed each once, when it "
        "was compared with the stored one, byte for byte",
        figures,
    )


ROW = Row(STORED, run, {COMPUTED: Target(cpu=1.3)})
