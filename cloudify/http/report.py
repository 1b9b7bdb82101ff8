"""What discovery found."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FoundPlugin:
    """One plugin that is installed."""

    name: str
    path: str
    """``module:Class``."""
    version: str | None
    """Of the distribution it came with."""
    error: str | None = None
    """Why it is not loaded; None if it is."""


@dataclass(frozen=True, slots=True)
class PluginReport:
    """Every plugin that is installed, loaded or not. Discovery fills it when all have been tried."""

    plugins: list[FoundPlugin] = field(default_factory=list)

    @property
    def loaded(self) -> list[FoundPlugin]:
        """Those that serve."""
        return [plugin for plugin in self.plugins if plugin.error is None]

    @property
    def failed(self) -> list[FoundPlugin]:
        """Those the server runs without."""
        return [plugin for plugin in self.plugins if plugin.error is not None]
