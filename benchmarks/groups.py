"""Rows ``groupby`` and ``groupby-all``: statistics of the months of two years of daily values, in memory."""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from benchmarks.calls import compare_calls
from benchmarks.rows import Effort, Outcome, Row
from cloudify.datasets.subject import Subject
from cloudify.diagnostics.groupby import Plan, statistics
from cloudify.diagnostics.groups import groups_of

if TYPE_CHECKING:
    from collections.abc import Callable

SHAPE = (730, 181, 360)
FIELD = f"{SHAPE[0]} x {SHAPE[1]} x {SHAPE[2]} float32 in memory, a row of latitude missing every tenth day"
ALL = ("mean", "std", "min", "max", "count")
LOOP, STD = "one-pass loop of numpy", "cloudify std"
Array = np.ndarray[Any, np.dtype[Any]]


def field() -> Plan:
    """Return daily values with gaps, to be grouped by month."""
    rng = np.random.default_rng(6)
    values = (280 + rng.standard_normal(SHAPE)).astype(np.float32)
    values[::10, 5] = np.nan
    times = xr.date_range("2001-01-01", periods=SHAPE[0])
    ds = xr.Dataset({"t": (("time", "lat", "lon"), values)}, {"time": times})
    subject = Subject.of(xr.DataTree(ds), "t")
    return Plan(subject, groups_of(subject, "time.month"), "mean")


def loop(values: Array, codes: Array) -> Array:
    """Add up day by day in float64 what is not NaN: the least that a mean of groups costs."""
    total, count = np.zeros((12, *SHAPE[1:])), np.zeros((12, *SHAPE[1:]), np.int64)
    for day, code in zip(values, codes, strict=True):
        present = ~np.isnan(day)
        np.add(total[code], day, out=total[code], where=present)
        count[code] += present
    return np.asarray(total / count)


def mean(effort: Effort) -> Outcome:
    """Compare the mean of each month with a loop over days."""
    plan = field()
    peers: dict[str, tuple[Callable[[], object], int]] = {
        LOOP: (partial(loop, plan.leading.to_numpy(), plan.groups.codes), 1),
        "cloudify mean": (partial(statistics, plan, ("mean",)), 1),
    }
    return Outcome(f"{FIELD}: the mean of each month", compare_calls(peers, effort, limit=LOOP))


def everything(effort: Effort) -> Outcome:
    """Compare five statistics from one pass with one of them."""
    plan = field()
    peers: dict[str, tuple[Callable[[], object], int]] = {
        STD: (partial(statistics, plan, ("std",)), 1),
        "cloudify mean, std, min, max, count": (partial(statistics, plan, ALL), 1),
    }
    return Outcome(f"{FIELD}: five statistics of each month from one pass", compare_calls(peers, effort, limit=STD))


MEAN_ROW = Row(LOOP, mean)
ALL_ROW = Row(STD, everything)
