"""Guarded discovery of plugins: one that fails costs only itself.

xpublish loads every entry point in one go, so that one broken distribution stops every server of the environment. Here
each is loaded, built and tried on its own; what fails is reported in the log, in ``/plugins`` and by `cloudify doctor`.
"""

import logging
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import Distribution, EntryPoint, entry_points

from xpublish.plugins import Plugin
from xpublish.rest import Rest

from cloudify.http.report import FoundPlugin, PluginReport

EVERYWHERE = "xpublish.plugin"
"""Plugins of every xpublish server."""
OURS = "cloudify.plugin"
"""Plugins of a `cloudify.Server` only; a name that is in both groups is taken from here."""

log = logging.getLogger(__name__)


def find_plugins() -> list[EntryPoint]:
    """Return the entry points of all plugins, ours first; none is imported."""
    ours = {point.name: point for point in entry_points(group=OURS)}
    others = sorted(
        (point for point in entry_points(group=EVERYWHERE) if point.name not in ours),
        key=lambda point: (not _is_trusted(point), point.name),
    )
    return [*ours.values(), *others]


def load_plugins(parts: Mapping[str, object]) -> tuple[dict[str, Plugin], PluginReport]:
    """Load all plugins that can be.

    Parameters
    ----------
    parts
        Parts of the server by name; a plugin gets those that it has a field for. The part ``report`` is added.
    """
    report = PluginReport()
    plugins: dict[str, Plugin] = {}
    rows: list[FoundPlugin] = []
    for point in find_plugins():
        plugin, error = _load(point, {**parts, "report": report}, plugins)
        if plugin is not None:
            plugins[point.name] = plugin
        else:
            log.warning("plugin is left out", extra={"plugin": point.name, "path": point.value, "reason": error})
        rows.append(FoundPlugin(point.name, point.value, _version(point), error))
    report.plugins.extend(sorted(rows, key=lambda row: (row.error is None, row.name)))
    return plugins, report


def _load(
    point: EntryPoint, parts: Mapping[str, object], accepted: Mapping[str, Plugin]
) -> tuple[Plugin | None, str | None]:
    """Return a plugin, or why there is none; a third party's is tried in a server of its own beside those accepted."""
    step = "import"
    try:
        cls: type[Plugin] = point.load()
        step = "building"
        fitting = {name: part for name, part in parts.items() if name in cls.model_fields}
        plugin = cls(**fitting)  # type: ignore[arg-type]  # pydantic checks
        if not _is_trusted(point):
            Rest({}, plugins={**accepted, point.name: plugin}).app.openapi()
    except Exception as error:  # noqa: BLE001  # whatever third-party code does when imported or built, the server runs
        return None, f"{step} failed: {_one_line(error)}"
    return plugin, None


def _is_trusted(point: EntryPoint) -> bool:
    """Whether our own tests build this plugin, so that trying it at every start would be wasted time."""
    return point.value.split(".")[0] in {"cloudify", "xpublish"}


def _version(point: EntryPoint) -> str | None:
    return _version_of(point.dist) if point.dist is not None else None


@lru_cache(maxsize=64)
def _version_of(distribution: Distribution) -> str:
    """Return a distribution's version, which its metadata is read for: once, not for each of its plugins."""
    return distribution.version


def _one_line(error: Exception) -> str:
    """Return an error's class and the first line of its message, which may quote a path no longer than that."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
