"""What is known of jobs and is not written down yet: kept until the store has it, whatever goes wrong meanwhile."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import takewhile

from cloudify.compute.batch import Told
from cloudify.compute.lifecycle import Effect, Happening
from cloudify.compute.store.store import Store
from cloudify.model.outcome import Emitted, Outcome

News = Outcome | Told | Happening
Settle = Callable[[str, Sequence[Outcome]], Sequence[Effect]]


class Ledger:
    """Belongs to the engine's thread.

    Parameters
    ----------
    settle
        Writes outcomes of a job down, in one transaction.
    """

    def __init__(self, store: Store, settle: Settle) -> None:
        self._store, self._settle = store, settle
        self._news: dict[str, list[News]] = {}

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._news

    def add(self, job_id: str, *news: News) -> None:
        """Have something written down of a job, after what is to be already."""
        if news:
            self._news.setdefault(job_id, []).extend(news)

    def jobs(self) -> list[str]:
        """Return the jobs of which there is something."""
        return list(self._news)

    def forget(self, job_id: str) -> None:
        """Write nothing more of a job."""
        self._news.pop(job_id, None)

    def write(self, job_id: str) -> Iterator[Effect]:
        """Write down what there is of a job, in its order; yields what is to be done about it.

        What the store has is forgotten before anything is yielded of it; the rest is still there if this raises.

        Raises
        ------
        StoreUnavailableError
            If the store cannot be written now.
        UnknownJobError
            If the job is gone.
        """
        while news := self._news.get(job_id):
            run = [news[0]] if isinstance(news[0], Happening) else [*takewhile(_alike(news[0]), news)]
            effects = self._written(job_id, run)
            del news[: len(run)]
            if not news:
                self.forget(job_id)
            yield from effects

    def _written(self, job_id: str, run: Sequence[News]) -> Sequence[Effect]:
        if isinstance(run[0], Happening):
            return self._store.jobs.happen(job_id, run[0])[1]
        if isinstance(run[0], Outcome):
            return self._settle(job_id, [one for one in run if isinstance(one, Outcome)])
        for (number, attempt), emitted in _by_slice(one for one in run if isinstance(one, Told)).items():
            self._store.jobs.emit(job_id, number, attempt, emitted)
        return ()


def _alike(first: News) -> Callable[[News], bool]:
    """Return what says whether news are written down together with the first of them."""
    return lambda news: type(news) is type(first)


def _by_slice(told: Iterable[Told]) -> dict[tuple[int, int], list[Emitted]]:
    found: dict[tuple[int, int], list[Emitted]] = {}
    for one in told:
        found.setdefault((one.number, one.attempt), []).extend(one.emitted)
    return found
