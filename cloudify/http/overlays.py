"""Maps to be laid upon others, of datasets: for the map service and for tiles, from the same things kept."""

from collections.abc import Callable

from starlette.requests import Request as HttpRequest

from cloudify.datasets.opened import Opened
from cloudify.http.derived import Derived, Made
from cloudify.http.lookup import Lookup
from cloudify.pictures.kept import Kept
from cloudify.pictures.legend import draw_legend
from cloudify.pictures.overlay import Overlay, Shown, draw_overlay, limits_in, plan_overlay
from cloudify.pictures.plot import caption_of
from cloudify.settings import Settings

KEPT_NBYTES = 2**28
"""Fields, index tables and what finds cells: what a map of tiles looks at again and again."""


class Overlays:
    """Draws overlays of datasets, and tells of them. Belongs to one event loop."""

    def __init__(self, lookup: Lookup, settings: Settings) -> None:
        self._limit_nbytes = settings.max_picture_nbytes
        self._kept = Kept(KEPT_NBYTES)
        self.derived = Derived(lookup)

    async def overlay(self, request: HttpRequest, dataset_id: str, asked: Overlay) -> Made:
        """Return an overlay as the source is now.

        Raises
        ------
        CloudifyError
            If there is no such dataset or variable, or it cannot be drawn so.
        """
        return await self.made(
            request, dataset_id, asked, lambda opened: draw_overlay(opened, asked, self._kept, self._limit_nbytes)
        )

    async def legend(self, request: HttpRequest, dataset_id: str, shown: Shown, size: tuple[int, int]) -> Made:
        """Return the legend of an overlay; raises as that does."""

        def draw(opened: Opened) -> bytes:
            field, palette = plan_overlay(opened, shown, self._limit_nbytes)
            limits = limits_in(field, shown, palette, self._kept)
            return draw_legend(palette, limits, caption_of(field.subject, (), ""), *size)

        return await self.made(request, dataset_id, ("legend", shown, size), draw)

    async def made(self, request: HttpRequest, dataset_id: str, asked: object, make: Callable[[Opened], bytes]) -> Made:
        """Return what `make`, which blocks, makes of a dataset (`Derived.get`)."""

        async def in_a_thread(opened: Opened) -> bytes:
            return await self.derived.read(opened, lambda: make(opened))

        return await self.derived.get(request, dataset_id, asked, in_a_thread)
