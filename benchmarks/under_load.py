"""Row ``under-load``: stored, computed, metadata and absent keys at once, of two workers, which then end on SIGTERM."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep

import httpx

from benchmarks.classes import Answers, ClassLoad, Keys
from benchmarks.ending import end_in_time
from benchmarks.processes import Running
from benchmarks.sampler import Sampler
from benchmarks.servers import serve
from benchmarks.tally import Tally
from benchmarks.truth import write_truth

WORKERS = 2
CHUNK_CACHE_NBYTES = 2**20
"""A fifth of the computed chunks: most have to be computed."""
FULL = "503 queue-full"
MOST_BUSY = 0.01
"""Of the computed chunks."""
LAST_S = 30
"""Length of the load that is under way when the server is told to end."""
WARM_S = 1.0


def run(seconds: float, seed: int) -> Tally:
    """Load a server for so many seconds, comparing bytes meanwhile, and end it under load."""
    tally = Tally()
    settings = {"workers": WORKERS, "chunk_cache_nbytes": CHUNK_CACHE_NBYTES}
    with TemporaryDirectory(prefix="cloudify-bench-") as name:
        folder = Path(name)
        truth = write_truth(folder)
        with serve(*truth.targets, settings=settings) as server:
            classes = truth.classes(server.url)
            load = ClassLoad(server.url, classes, folder, seconds=seconds, seed=seed)
            with closing(load), Sampler(server.url, classes, tally, seed=seed, may_be_busy={"computed": "queue-full"}):
                answers, broken = load.answers()
            count(answers, tally)
            judge(classes, answers, refused(server.url), tally)
            if broken:
                tally.failed(f"answers that never came: {broken}")
            _end_under_load(server, classes, folder, seed, tally)
    return tally


def count(answers: Mapping[str, Answers], tally: Tally) -> None:
    """Add what wrk was answered to the counts of a row."""
    for name, answered in answers.items():
        for what, number in answered.statuses.items():
            tally.answered(f"{name} {what}", number)


def refused(url: str) -> int:
    """Return how many requests a server says it refused so far since a queue was full."""
    sleep(WARM_S)  # workers tell each other once a second what they counted
    lines = httpx.get(f"{url}/metrics", trust_env=False).text.splitlines()
    return sum(int(float(line.rsplit(" ", 1)[1])) for line in lines if line.startswith("cloudify_queue_full_total"))


def judge_untouched(keys: Keys, answered: Answers, tally: Tally) -> None:
    """Count a failure if keys of a class were answered with anything but their status."""
    others = {what: number for what, number in answered.statuses.items() if what != str(keys.status)}
    if others or not answered.total:
        tally.failed(f"{keys.name}: {answered.total} answers, of which {others} are not {keys.status}")


def judge(classes: Sequence[Keys], answers: Mapping[str, Answers], full: int, tally: Tally) -> None:
    """Only computed chunks may be refused, few, and only since their queue was full, as the server's meters say."""
    for keys in classes:
        if keys.name != "computed":
            judge_untouched(keys, answers[keys.name], tally)
    computed = answers["computed"]
    others = {what: n for what, n in computed.statuses.items() if what not in {"200", FULL}}
    busy = computed.statuses[FULL]
    tally.notes.append(f"computed: {busy} of {computed.total} were 503, and {full} refusals are in /metrics")
    if others or not computed.statuses["200"]:
        tally.failed(f"computed: {computed.total} answers, of which {others} are neither 200 nor {FULL}")
    if busy > MOST_BUSY * computed.total:
        tally.failed(f"computed: {busy} of {computed.total} were 503, more than one in a hundred")
    if bool(busy) != bool(full):
        tally.failed(f"computed: {busy} were 503 with a full queue, of which /metrics says {full}")
    if computed.unasked:
        tally.failed(f"computed: {computed.unasked} of {busy} 503 without Retry-After")


def _end_under_load(server: Running, classes: Sequence[Keys], folder: Path, seed: int, tally: Tally) -> None:
    """Tell a server to end while it is asked for everything."""
    with closing(ClassLoad(server.url, classes, folder, seconds=LAST_S, seed=seed)):
        sleep(WARM_S)
        end_in_time(server, tally)
