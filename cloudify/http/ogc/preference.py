"""``Prefer`` (RFC 7240): whether who executes a process waits for its result, and how long."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

ASYNC, WAIT = "respond-async", "wait"
_SECONDS: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Preference:
    """How an execution is to be answered.

    >>> Preference.of(["respond-async; return=representation"])
    Preference(is_async=True, wait_s=0.0)
    >>> Preference.of(["wait=10"]), Preference.of(["respond-async, wait=x"]).applied()
    (Preference(is_async=False, wait_s=10.0), 'respond-async')
    """

    is_async: bool = False
    """Whether a job goes on without anybody who waits for it."""
    wait_s: float = inf
    """How long the result is waited for, in seconds; after it the answer is the status of the job."""

    @classmethod
    def of(cls, headers: Sequence[str]) -> "Preference":
        """Read headers; what is not understood is as if it were not there, and of what is there twice the first counts.

        Some clients have a semicolon where a comma belongs.
        """
        said: dict[str, str] = {}
        for part in re.split("[,;]", ",".join(headers)):
            name, _, value = part.partition("=")
            said.setdefault(name.strip().lower(), value.strip().strip('"'))
        is_async = said.get(ASYNC) == ""
        wait = said.get(WAIT, "")
        return cls(is_async, float(wait) if _SECONDS.fullmatch(wait) else 0.0 if is_async else inf)

    def applied(self) -> str:
        """Return what was done of it, of a job that is answered before its end, for ``Preference-Applied``."""
        waited = 0 < self.wait_s < inf
        return f"{ASYNC}, {WAIT}={self.wait_s:.0f}" if waited else ASYNC
