"""Row ``mixed``: what many readers ask for at once, against the demo and a dataset that is computed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from http import HTTPStatus
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Lock
from time import monotonic

from benchmarks.endurance import endure, show
from benchmarks.keys import Known, read_known
from benchmarks.noise import NAME, SMALL
from benchmarks.servers import mixed
from benchmarks.tally import Tally
from benchmarks.wire import Request, Wire, WireError

REQUESTS = 1_000_000
"""Most of them."""
PAGES = (
    "/", "/datasets", "/stac-collection-all.json", "/intake.yaml", "/datasets/mpi-esm-tas/info",
    "/datasets/mpi-esm-tas/stac", "/datasets/icon-ocean/check", "/datasets/mpi-esm-tas/kerchunk", "/plugins",
)  # fmt: skip
PLOT = "/datasets/mpi-esm-tas/plot/tas"
GROUPBY = "/datasets/mpi-esm-tas/groupby/tas"
COMPONENTS = ("time.month", "time.season", "time.year", "lat")
ACTIONS = ("mean", "min", "max", "std", "anomaly")
MANY = 10**9
"""Different targets of one kind: what is kept for each would be seen."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of request."""

    name: str
    weight: float
    target: Callable[[Random], str]
    status: int = HTTPStatus.OK


@dataclass(slots=True)
class Seen:
    """What targets were answered with; every later answer must be the same. Safe to use from many threads."""

    digests: dict[str, bytes] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def is_new_or_equal(self, target: str, body: bytes) -> bool:
        """Whether these bytes were the answer before, if there was one."""
        digest = blake2b(body, digest_size=16).digest()
        with self._lock:
            return self.digests.setdefault(target, digest) == digest


def run(budget_s: float, seed: int) -> Tally:
    """Ask for all kinds of things, as long as the budget lasts or a million times; memory must be flat."""
    end = monotonic() + budget_s
    tally, seen = Tally(), Seen()
    with TemporaryDirectory(prefix="cloudify-bench-") as folder, mixed(SMALL.write(Path(folder))) as server:
        with Wire(server.url) as wire:
            kinds = kinds_of(read_known(wire))
        weights = [kind.weight for kind in kinds]

        def ask(wire: Wire, random: Random, tally: Tally) -> None:
            (kind,) = random.choices(kinds, weights)
            _ask_one(wire, kind, kind.target(random), seen, tally)

        endure(server, ask, tally, until=end, seed=seed, most=REQUESTS)
    return tally


def kinds_of(known: Known, computed_id: str = NAME) -> Sequence[Kind]:
    """Return what is asked for of a server of the demo and a dataset that is computed."""
    computed = f"/datasets/{computed_id}/"
    chunks = [path for path in known.answers if path.rsplit("/", 1)[-1][-1].isdigit()]
    stored = [path for path in chunks if not path.startswith(computed)]
    lazy = [path for path in chunks if path.startswith(computed)]
    documents = [path for path in known.answers if path not in set(chunks)]
    return (
        Kind("stored", 40, lambda random: random.choice(stored)),
        Kind("computed", 15, lambda random: random.choice(lazy)),
        Kind("metadata", 20, lambda random: random.choice(documents)),
        Kind("page", 2, lambda random: random.choice(PAGES)),
        Kind("absent", 20, _absent, HTTPStatus.NOT_FOUND),
        Kind("picture", 1, lambda random: f"{PLOT}/image/viridis/time/{random.randrange(12)}?width=300"),
        Kind("new picture", 0.2, lambda random: f"{PLOT}/image/RdBu_r/?width=200&vmin={random.randrange(MANY) / MANY}"),
        Kind("figure", 0.02, lambda random: f"{PLOT}/pcolormesh/magma/?width=320&vmax={300 + random.random()}"),
        Kind("groupby", 0.3, lambda random: f"{GROUPBY}/{random.choice(COMPONENTS)}/{random.choice(ACTIONS)}?f=nc"),
        Kind("groupby metadata", 1, lambda random: f"{GROUPBY}/{random.choice(COMPONENTS)}/mean/zarr/zarr.json"),
    )


def _absent(random: Random) -> str:
    form = random.choice(
        ("/datasets/mpi-esm-tas/zarr/tas/c/{}/0/0", "/datasets/noise/zarr/{}", "/datasets/{}/zarr/zarr.json", "/{}")
    )
    return form.format(10**9 + random.randrange(MANY))


def _ask_one(wire: Wire, kind: Kind, target: str, seen: Seen, tally: Tally) -> None:
    request = Request("GET", target)
    try:
        answer = wire.ask(request)
    except WireError as error:
        tally.answered(f"{kind.name} none")
        tally.failed(f"{show(request)}: {error}")
        return
    tally.answered(f"{kind.name} {answer.status}")
    if answer.status != kind.status:
        tally.failed(f"{show(request)}: {answer.status} {answer.body[:200]!r}")
    elif kind.name in {"stored", "computed", "metadata"} and not seen.is_new_or_equal(target, answer.body):
        tally.failed(f"{show(request)}: other bytes than before")
