"""Pictures of datasets: what is read for them, and who draws them."""

from math import prod
from typing import Any, Literal, get_args

from starlette.datastructures import QueryParams
from starlette.requests import Request as HttpRequest

from cloudify.datasets.opened import Opened
from cloudify.datasets.subject import subject_of
from cloudify.errors import BadOptionError, BadSelectionError
from cloudify.http.derived import Derived, Made
from cloudify.http.lookup import Lookup
from cloudify.http.offload import Offload
from cloudify.model.selection import SelectionError, parse_selection
from cloudify.pictures.drawers import drawers_of
from cloudify.pictures.drawing import Drawing, MapDrawing
from cloudify.pictures.frame import DEFAULT_WIDTH, check_size
from cloudify.pictures.kept import Kept
from cloudify.pictures.map_image import margins
from cloudify.pictures.palette import palette_of
from cloudify.pictures.plot import KINDS, MapPlan, Request, image, is_small, plan_map, table_of, values_on
from cloudify.pictures.resample import cell_size
from cloudify.pictures.series_plot import hist_drawing, line_drawing, scatter_drawing
from cloudify.settings import Settings

Form = Literal["png", "svg"]
FORMS: tuple[Form, ...] = get_args(Form)
MEDIA_TYPES: dict[Form, str] = {"png": "image/png", "svg": "image/svg+xml"}
DRAWN_AS_LINES = frozenset({"contour", "contourf", "line", "hist"})
"""Kinds that an SVG can hold; the others are pictures of pixels."""
KEPT_NBYTES = 2**27
LINE_HEIGHT = 420
WAITING = 64
"""Requests that may wait for a process that draws."""
Ordered = tuple[Drawing, int, int]
"""What is to be drawn, how wide and how high."""


class Plots:
    """Draws plots of datasets. Belongs to one event loop."""

    def __init__(self, lookup: Lookup, settings: Settings) -> None:
        self._settings, self._kept = settings, Kept(KEPT_NBYTES)
        self.derived = Derived(lookup)
        # these wait for a process that draws, and must not keep reads waiting
        self._waiting = Offload(WAITING, kind="draw")
        self._drawers = drawers_of(settings)

    async def picture(self, request: HttpRequest, dataset_id: str, asked: Request, form: Form) -> Made:
        """Return a picture as the source is now.

        Raises
        ------
        CloudifyError
            If there is no such dataset or variable, or it cannot be drawn so.
        """

        async def make(opened: Opened) -> bytes:
            made = await self.derived.read(opened, lambda: self._read(opened, asked))
            if isinstance(made, bytes):
                return made
            drawing, width, height = made
            return await self._waiting(lambda: self._drawers.draw(drawing, form, width, height))

        return await self.derived.get(request, dataset_id, (asked, form), make)

    async def plan(self, opened: Opened, asked: Request) -> MapPlan:
        """Return what a map would show; nothing is drawn."""
        limit = self._settings.max_picture_nbytes
        return await self.derived.read(opened, lambda: plan_map(opened, asked, self._kept, limit))

    def _read(self, opened: Opened, request: Request) -> bytes | Ordered:
        """Read what a picture shows; the kind `image` is drawn at once, of others what is to be drawn is returned."""
        limit, width = self._settings.max_picture_nbytes, request.width or DEFAULT_WIDTH
        if request.kind == "hist":
            return hist_drawing(opened, request, limit), width, request.height or LINE_HEIGHT
        if request.kind == "line" or (request.kind == "scatter" and not _has_map(opened, request)):
            return line_drawing(opened, request, limit), width, request.height or LINE_HEIGHT
        plan = plan_map(opened, request, self._kept, limit)
        left, right, top, bottom = margins(width)
        sides = plan.view.width + left + right, plan.view.height + top + bottom
        if request.kind == "scatter":
            return scatter_drawing(plan, request), *sides
        table = table_of(plan, self._kept)
        values = values_on(plan, table)
        if request.kind == "image":
            return image(plan, values, is_small=is_small(request))
        low, high = plan.limits.low, plan.limits.high
        cell = cell_size(table)
        return MapDrawing(request.kind, values, plan.view, request.colormap, low, high, plan.caption, cell=cell), *sides


def read_request(variable: str, kind: str, colormap: str, selection: str, query: QueryParams) -> Request:
    """Read a plot's path and query.

    Raises
    ------
    BadOptionError, BadSelectionError, UnknownColormapError
        Naming what is wrong and what can be.
    """
    if kind not in KINDS:
        raise BadOptionError(f"no kind of plot {kind[:40]!r}; there are {', '.join(KINDS)}")
    palette_of(colormap)
    try:
        picks = parse_selection(selection)
    except SelectionError as error:
        raise BadSelectionError(str(error)) from error
    width, height = (_whole_number(query, name) for name in ("width", "height"))
    check_size(width, height)
    low, high = (_number(query, name) for name in ("vmin", "vmax"))
    if low is not None and high is not None and low >= high:
        raise BadOptionError(f"vmin={low:g}, vmax={high:g}: expected the first to be smaller")
    return Request(variable, kind, colormap, picks, width, height, low, high)


def read_form(text: str, kind: str) -> Form:
    """Read the form of a picture.

    Raises
    ------
    BadOptionError
        If there is none of its name, or no such picture of this kind.
    """
    if text not in FORMS:
        raise BadOptionError(f"no form f={text[:40]!r}; there are png, svg, html and json")
    if text == "svg" and kind not in DRAWN_AS_LINES:
        raise BadOptionError(
            f"a plot of the kind {kind} is a picture of pixels: f=png; SVG is for contour, line and hist"
        )
    return text


def _has_map(opened: Opened, request: Request) -> bool:
    subject = subject_of(opened, request.variable)
    return prod(subject.ds.sizes[dim] for dim in subject.horizontal) > 1


def _whole_number(query: QueryParams, name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):  # noqa: PLR2004
        raise BadOptionError(f"{name}={text[:40]!r}: expected a number of pixels")
    return int(text)


def _number(query: QueryParams, name: str) -> float | None:
    text: Any = query.get(name, "")
    if not text:
        return None
    try:
        value = float(text[:40])
    except ValueError:
        raise BadOptionError(f"{name}={text[:40]!r}: expected a number") from None
    if not -1e300 < value < 1e300:  # noqa: PLR2004  # finite, with room to subtract
        raise BadOptionError(f"{name}={text[:40]!r}: expected a finite number")
    return value
