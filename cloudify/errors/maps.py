"""Failures of what was asked of the map service and of tiles."""

from cloudify.errors.families import ImpossibleError, NotFoundError, quote


class BadMapRequestError(ImpossibleError):
    """A request to the map service with a parameter that cannot be."""

    code = "bad-map-request"

    def __init__(self, message: str, exception: str = "") -> None:
        self.exception = exception
        """The code that the WMS standard has for it, ``""`` where it has none."""
        super().__init__(message)


class UnknownTileError(NotFoundError):
    """No tile has this number."""

    code = "unknown-tile"

    def __init__(self, z: str, x: str, y: str, most: int) -> None:
        super().__init__(
            f"no tile {quote(f'{z}/{x}/{y}', 60)}: expected z from 0 to {most}, x and y from 0 to 2**z - 1, counted "
            "from the upper left"
        )
