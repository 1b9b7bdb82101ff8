"""Row ``lost-scheduler``: the Dask scheduler of two workers is killed under load, and comes back on the same port."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep, time

import httpx

from benchmarks.classes import Answers, ClassLoad, Keys
from benchmarks.dask_cluster import DaskCluster
from benchmarks.ending import end_in_time
from benchmarks.processes import POLL_S
from benchmarks.sampler import Sampler
from benchmarks.servers import serve
from benchmarks.tally import Tally
from benchmarks.truth import write_truth
from benchmarks.under_load import WORKERS, count, judge_untouched

LEAST_S = 30
"""A shorter load would not show how the server recovers."""
AWAY = "503 cluster-unavailable"
NOTICED_S = 10.0
"""Longest time until the server says that the scheduler is away."""
RECOVERED_S = 15.0
"""Longest time until chunks are computed again, and until the last is refused, after the scheduler has its workers."""
LOOK_S = 20.0
"""Longest wait for one answer."""
OK, BUSY = 200, 503


def run(seconds: float, seed: int) -> Tally:
    """Kill the scheduler after a sixth of the load, start it anew after a third."""
    tally, seconds = Tally(), max(seconds, LEAST_S)
    with TemporaryDirectory(prefix="cloudify-bench-") as name, DaskCluster(Path(name)) as cluster:
        folder = Path(name)
        truth = write_truth(folder)
        settings = {"workers": WORKERS, "dask_address": cluster.address, "chunk_cache_nbytes": 0}
        with serve(*truth.targets, settings=settings) as server:
            cluster.wait()
            classes = truth.classes(server.url)
            may_be_busy = {"computed": "cluster-unavailable"}
            load = ClassLoad(server.url, classes, folder, seconds=seconds, seed=seed)
            with closing(load), Sampler(server.url, classes, tally, seed=seed, may_be_busy=may_be_busy):
                sleep(seconds / 6)
                back_s = _kill_and_restart(server.url, cluster, truth.computed, seconds / 6, tally)
                answers, broken = load.answers()
            count(answers, tally)
            for keys in classes:
                if keys.name != "computed":
                    judge_untouched(keys, answers[keys.name], tally)
            judge(answers["computed"], back_s, tally)
            if broken:
                tally.failed(f"answers that never came: {broken}")
            end_in_time(server, tally)
    return tally


def ready(url: str) -> int:
    """Return the status of ``/ready``."""
    return httpx.get(f"{url}/ready", timeout=LOOK_S, trust_env=False).status_code


def _kill_and_restart(url: str, cluster: DaskCluster, computed: Keys, away_s: float, tally: Tally) -> float:
    """Watch what the server says of a scheduler that is away for a time; return when it was back, since 1970."""
    cluster.kill_scheduler()
    killed = monotonic()
    noticed_s = _until(lambda: _is_refused(url, computed.paths[0], tally) and ready(url) == BUSY, NOTICED_S)
    sleep(max(0.0, away_s - (monotonic() - killed)))
    if noticed_s is None or ready(url) != BUSY:
        tally.failed(f"the scheduler is away, and after {NOTICED_S:.0f} s /ready and chunks do not say so")
    cluster.end()
    cluster.start()
    started = monotonic()
    cluster.wait()
    back_s, start_s = time(), monotonic() - started
    recovered_s = _until(lambda: ready(url) == OK and _is_computed(url, computed), RECOVERED_S)
    if recovered_s is None:
        tally.failed(f"{RECOVERED_S:.0f} s after the scheduler came back chunks are not computed")
    else:
        tally.notes.append(
            f"/ready and chunks were 503 {noticed_s or NOTICED_S:.1f} s after the scheduler was killed, and well "
            f"{recovered_s:.1f} s after it was back, with its workers, which took {start_s:.1f} s to start"
        )
    return back_s


def _until(happened: Callable[[], bool], longest_s: float) -> float | None:
    """Return after how many seconds something was so, None if it never was."""
    begun = monotonic()
    while not happened():
        if monotonic() - begun > longest_s:
            return None
        sleep(POLL_S)
    return monotonic() - begun


def _is_refused(url: str, path: str, tally: Tally) -> bool:
    """Whether a computed chunk is refused, and says when to ask again."""
    answer = httpx.get(url + path, timeout=LOOK_S, trust_env=False)
    if answer.status_code == BUSY and not answer.headers.get("retry-after", "").isdecimal():
        tally.failed("a chunk is refused without Retry-After")
    return answer.status_code == BUSY


def _is_computed(url: str, computed: Keys) -> bool:
    """Whether a chunk is computed, as it should be."""
    path = computed.paths[0]
    answer = httpx.get(url + path, timeout=LOOK_S, trust_env=False)
    return answer.is_success and computed.is_right(path, answer.content)


def judge(computed: Answers, back_s: float, tally: Tally) -> None:
    """Computed chunks may be refused while the scheduler is away, and until the server has found it again."""
    others = {what: number for what, number in computed.statuses.items() if what not in {"200", AWAY}}
    refused = computed.statuses[AWAY]
    late_s = computed.last_503_s - back_s
    last = f"{late_s:.0f} s after it was back" if late_s > 0 else "before it was back"
    tally.notes.append(f"computed: {refused} of {computed.total} were 503, the last {last}")
    if others or not (refused and computed.statuses["200"]):
        tally.failed(f"computed: {computed.total} answers, {refused} were {AWAY}, {others} neither that nor 200")
    if late_s > RECOVERED_S:
        tally.failed(f"computed: a chunk is refused {late_s:.0f} s after the scheduler came back")
    if computed.unasked:
        tally.failed(f"computed: {computed.unasked} of {refused} 503 without Retry-After")
