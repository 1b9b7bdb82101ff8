"""Classes of keys under one load of wrk: each has a thread of its own, whose answers are counted by status."""

import json
import math
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.failures import RowError
from benchmarks.load import TIMEOUT_S
from benchmarks.processes import find_program

SCRIPT = """\
local paths = {%(paths)s}
local threads = {}
setup = function(thread)
  table.insert(threads, thread)
  thread:set("number", #threads)
end
init = function()
  requests, counts, last_503, unasked = {}, {}, 0, 0
  math.randomseed(%(seed)d + number)
  for i, path in ipairs(paths[number]) do requests[i] = wrk.format("GET", path) end
end
request = function() return requests[math.random(#requests)] end
response = function(status, headers, body)
  local what = tostring(status)
  if status == 503 then
    what = what .. " " .. (body:match("problems/([%%w-]+)") or "without a reason")
    last_503 = os.time()
    local is_asked = false
    for name in pairs(headers) do is_asked = is_asked or name:lower() == "retry-after" end
    if not is_asked then unasked = unasked + 1 end
  end
  counts[what] = (counts[what] or 0) + 1
end
done = function(summary)
  for i, thread in ipairs(threads) do
    for what, number in pairs(thread:get("counts")) do print("answered", i, number, what) end
    print("busy", i, thread:get("unasked"), thread:get("last_503"))
  end
  local e = summary.errors
  print("broken", e.connect + e.read + e.write + e.timeout, e.connect, e.read, e.write, e.timeout)
end
"""
CONNECTIONS = 64
_ANSWERED = re.compile(r"^answered\t(\d+)\t(\d+)\t(.+)$", re.MULTILINE)
_BUSY = re.compile(r"^busy\t(\d+)\t(\d+)\t(\d+)$", re.MULTILINE)
_BROKEN = re.compile(r"^broken\t(\d+)\t(.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of one class, and what is known of their answers."""

    name: str
    paths: Sequence[str]
    status: int
    """Of every answer, as long as the server is not too busy."""
    is_right: Callable[[str, bytes], bool]
    """Whether a body is the answer to a path."""


@dataclass(slots=True)
class Answers:
    """What one class was answered."""

    statuses: Counter[str] = field(default_factory=Counter)
    """How often, by status; of 503 the reason with it, as ``503 queue-full``."""
    unasked: int = 0
    """How many 503 did not say when to come again."""
    last_503_s: float = 0.0
    """When the last 503 came, in whole seconds since 1970; 0 where there was none."""

    @property
    def total(self) -> int:
        """How many there were."""
        return self.statuses.total()


class ClassLoad:
    """A load of wrk that runs beside other things, until its seconds are over.

    Parameters
    ----------
    classes
        Each is asked for by a thread of its own, with an equal part of `CONNECTIONS`.
    folder
        Where the script goes.
    """

    def __init__(self, url: str, classes: Sequence[Keys], folder: Path, *, seconds: float, seed: int) -> None:
        self._classes, self._seconds = classes, seconds
        script = folder / "classes.lua"
        script.write_text(_script(classes, seed), encoding="utf-8")
        command = [find_program("wrk"), f"-t{len(classes)}", f"-c{CONNECTIONS}", f"-d{math.ceil(seconds)}s"]
        self._process = subprocess.Popen(
            [*command, "--timeout", f"{TIMEOUT_S}s", "-s", str(script), url],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def close(self) -> None:
        """End it if it has not ended; what it counted is lost then."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()

    def answers(self) -> tuple[dict[str, Answers], str]:
        """Wait for its end; return what each class was answered, and what broke without an answer, ``""`` if nothing.

        Raises
        ------
        RowError
            If wrk failed.
        """
        try:
            printed, said = self._process.communicate(timeout=self._seconds + TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.close()
            raise RowError("wrk did not end in time") from None
        broken = _BROKEN.search(printed)
        if self._process.returncode or broken is None:
            raise RowError(f"wrk ended with status {self._process.returncode}: {said.strip()[:200]}")
        found = [Answers() for _ in self._classes]
        for number, count, what in _ANSWERED.findall(printed):
            found[int(number) - 1].statuses[what] += int(count)
        for number, unasked, last_503_s in _BUSY.findall(printed):
            found[int(number) - 1].unasked = int(unasked)
            found[int(number) - 1].last_503_s = float(last_503_s)
        kinds = zip(("connect", "read", "write", "timeout"), broken[2].split(), strict=True)
        why = ", ".join(f"{kind} {number}" for kind, number in kinds if number != "0")
        return {keys.name: answers for keys, answers in zip(self._classes, found, strict=True)}, why


def _script(classes: Sequence[Keys], seed: int) -> str:
    quoted = [f"{{{', '.join(map(json.dumps, keys.paths))}}}" for keys in classes]
    return SCRIPT % {"paths": ",\n".join(quoted), "seed": seed}
