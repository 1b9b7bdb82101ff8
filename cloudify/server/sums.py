"""The meters of several workers, added up."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloudify.http.meters import Samples, Snapshot


class Sums:
    """What every worker showed last. Counters of workers that have ended are kept, so that no sum ever falls."""

    def __init__(self) -> None:
        self._living: dict[int, Snapshot] = {}
        self._ended: Samples = {}

    def take(self, number: int, shown: "Snapshot") -> None:
        """Take note of what a worker shows."""
        self._living[number] = shown

    def end(self, number: int) -> None:
        """Keep what a worker has counted, and forget how it was."""
        shown = self._living.pop(number, None)
        if shown is not None:
            self._ended = _added([self._ended, shown["counters"]])

    def all(self) -> "Snapshot":
        """Return counters added up by name and labels; gauges as they are: they say of which worker."""
        living = list(self._living.values())
        gauges: Samples = {}
        for shown in living:
            for family, samples in shown["gauges"].items():
                gauges.setdefault(family, []).extend(samples)
        return {"counters": _added([self._ended, *(shown["counters"] for shown in living)]), "gauges": gauges}


def _added(several: "list[Samples]") -> "Samples":
    """Return what several show in sum.

    >>> _added([{"a": [("a_total", {"x": "1"}, 2.0)]}, {"a": [("a_total", {"x": "1"}, 3.0), ("a_total", {}, 1.0)]}])
    {'a': [('a_total', {'x': '1'}, 5.0), ('a_total', {}, 1.0)]}
    """
    sums: dict[str, dict[tuple[object, ...], tuple[str, dict[str, str], float]]] = {}
    for families in several:
        for family, samples in families.items():
            known = sums.setdefault(family, {})
            for name, labels, value in samples:
                key = name, *labels.items()
                before = known[key][2] if key in known else 0.0
                known[key] = name, labels, before + value
    return {family: list(known.values()) for family, known in sums.items()}
