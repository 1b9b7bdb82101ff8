"""Who may read what: one function, asked wherever a dataset is looked up or listed.

What somebody may not read does not exist for them: no list, count, suggestion, status or header tells it from what
nobody has. Who asks stands in a context variable, which goes with a request into its threads and tasks
(`cloudify.http.identified` sets it); where nobody has set it, nobody in particular asks, who sees what is public.

Datasets with an owner come from a `Shelf`. What other providers have, a plain ``xpublish.Rest({...})`` or plugins of
third parties, has none and is public.
"""

from contextvars import ContextVar
from types import TracebackType

from cloudify.datasets.shelf import Shelf
from cloudify.model.entry import Entry
from cloudify.model.principal import ANONYMOUS, Principal


def may_read(principal: Principal, what: Entry | str) -> bool:
    """Whether somebody may see and read a dataset, or what else belongs to a user.

    Parameters
    ----------
    what
        A dataset's entry, for which their token needs the scope ``read``; or, of what is no dataset, its owner.

    Examples
    --------
    >>> ada = Principal("ada", frozenset({"read"}), datasets=("job-1",))
    >>> mine, other = (Entry(name, "", "", owner="ada") for name in ("job-1", "job-2"))
    >>> public = Entry("a", "", "")
    >>> [may_read(ada, entry) for entry in (mine, other, public)]
    [True, False, True]
    >>> [may_read(who, mine) for who in (ANONYMOUS, Principal("bob", ada.scopes), Principal("ada"))]
    [False, False, False]
    """
    owner = what if isinstance(what, str) else what.owner
    if not owner:
        return True
    if owner != principal.user:
        return False
    if isinstance(what, str):
        return True
    return "read" in principal.scopes and (principal.datasets is None or what.id in principal.datasets)


class Visit:
    """One request, as far as it matters whose it is: what is done in a block ``with visit:`` is done for them.

    After it they have left, also for whatever took over the context: a server that finds the next request behind this
    one on a connection may answer it in a copy of the context of this one.
    """

    __slots__ = ("depends", "is_private", "principal")

    def __init__(self, principal: Principal) -> None:
        self.principal = principal
        self.depends = False
        """Whether the answer was made of a list, which differs from one user to another."""
        self.is_private = False
        """Whether it was made of something that not everybody may read."""

    def __enter__(self) -> None:
        _VISIT.set(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.principal = ANONYMOUS


_VISIT: ContextVar[Visit | None] = ContextVar("cloudify_visit", default=None)


def visited_by_nobody() -> None:
    """Have what is done from here on be done for nobody in particular."""
    _VISIT.set(None)


def who_asks() -> Principal:
    """Return who asks."""
    visit = _VISIT.get()
    return visit.principal if visit is not None else ANONYMOUS


def keep_private() -> None:
    """Have the answer to whoever asks be kept by no cache: it is for them alone."""
    visit = _VISIT.get()
    if visit is not None:
        visit.is_private = True


def is_readable(entry: Entry) -> bool:
    """Whether whoever asks may read a dataset."""
    if not entry.owner:
        return True
    visit = _VISIT.get()
    if visit is None or not may_read(visit.principal, entry):
        return False
    visit.is_private = True
    return True


def readable_ids(shelf: Shelf) -> list[str]:
    """Return the ids of those datasets of a shelf that whoever asks may read."""
    visit = _VISIT.get()
    if visit is not None:
        visit.depends = True
    return [entry.id for entry in shelf.entries() if not entry.owner or is_readable(entry)]


def look_beyond(shelf: Shelf, dataset_id: str) -> None:
    """Have a shelf know what a job left, if whoever asks may have jobs. Blocks."""
    if not who_asks().is_anonymous:
        shelf.look(dataset_id)


def has_readable(shelf: Shelf, dataset_id: str) -> bool:
    """Whether a shelf has a dataset that whoever asks may read."""
    entry = shelf.entry(dataset_id)
    return entry is not None and is_readable(entry)


def seen_by_asker(dataset_id: str) -> str:
    """Return a name for what whoever asks has seen of a dataset so far, which is nothing that others have seen.

    It is the id itself for nobody in particular.
    """
    who = who_asks()
    return dataset_id if who.is_anonymous else f"{dataset_id}\n{who.user}\n{who.token_id}"
