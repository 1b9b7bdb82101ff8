"""Failures of what a client asked for."""

from collections.abc import Iterable

from cloudify.errors.families import (
    CloudifyError,
    ImpossibleError,
    NotFoundError,
    TooLargeError,
    hint,
    quote,
)


class UnknownDatasetError(NotFoundError):
    """No dataset has this id."""

    code = "unknown-dataset"

    def __init__(self, dataset_id: str, known: Iterable[str] = ()) -> None:
        self.dataset_id = dataset_id
        super().__init__(f"no dataset {quote(dataset_id)}{hint(dataset_id, known, 'GET /datasets lists them')}")


class UnknownGroupError(NotFoundError):
    """A dataset has no group at this path."""

    code = "unknown-group"

    def __init__(self, group: str) -> None:
        self.group = group
        super().__init__(f"no group {quote(group)}; GET .../groups of the dataset lists them")


class UnknownKeyError(NotFoundError):
    """A dataset has no zarr key of this spelling."""

    code = "unknown-key"

    def __init__(self, key: str, reason: str) -> None:
        self.key = key
        super().__init__(f"no key {quote(key)}: {reason}")


class NoStoredBytesError(NotFoundError):
    """A dataset whose source holds no bytes that can be passed on as they are."""

    code = "no-stored-bytes"

    def __init__(self, dataset_id: str, reason: str) -> None:
        self.dataset_id = dataset_id
        super().__init__(
            f"dataset {quote(dataset_id)} has no stored bytes to pass on ({reason}); "
            f"read it at /datasets/{dataset_id[:128]}/zarr"
        )


class NoSourceFileError(NotFoundError):
    """A dataset that is not one netCDF file."""

    code = "no-source-file"

    def __init__(self, dataset_id: str) -> None:
        self.dataset_id = dataset_id
        super().__init__(
            f"dataset {quote(dataset_id)} is not one netCDF file; read it at /datasets/{dataset_id[:128]}/zarr"
        )


class MangledKeyError(CloudifyError):
    """A key that a client cut at its question mark: a 404 would read as fill values."""

    code = "mangled-key"

    def __init__(self, key: str) -> None:
        super().__init__(f"no key {quote(key)}, and the rest of it came as a query: a '?' in a name is written %3F")


class BodyTooLargeError(TooLargeError):
    """A request body above the limit."""

    code = "body-too-large"

    def __init__(self, limit_nbytes: int) -> None:
        super().__init__(f"the request body is larger than {limit_nbytes} bytes, the most this server reads")


class ChunkTooLargeError(TooLargeError):
    """A chunk above the limit."""

    code = "chunk-too-large"

    def __init__(self, variable: str, nbytes: int, limit_nbytes: int) -> None:
        super().__init__(
            f"one chunk of {quote(variable)} is {nbytes} bytes, above the limit of {limit_nbytes}; "
            "rechunk the source, or raise max_chunk_nbytes"
        )


class TooManyChunksError(TooLargeError):
    """More chunks than one reference document can list."""

    code = "too-many-chunks"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"the dataset has more chunks than the {limit} that a reference document may list; "
            'open the same URL with engine="zarr", which needs no document'
        )


class RefusedHostError(CloudifyError):
    """A Host this server does not answer to."""

    code = "refused-host"

    def __init__(self, host: str) -> None:
        super().__init__(
            f"this server listens on the loopback address and does not answer to the host {quote(host)}; "
            "start it with --root-url to serve under a name"
        )


class UnknownColormapError(ImpossibleError):
    """No colour map has this name."""

    code = "unknown-colormap"

    def __init__(self, name: str, near: Iterable[str]) -> None:
        hint = ", ".join(near)
        super().__init__(f"no colour map {quote(name)}; " + (f"near are {hint}" if hint else "try viridis or RdBu_r"))


class NoMapError(ImpossibleError):
    """A variable that cannot be drawn on a map."""

    code = "no-map"

    def __init__(self, name: str, reason: str) -> None:
        self.reason = reason
        super().__init__(f"no map of {quote(name)}: {reason}; the kinds line and hist need no map")


class NoPlaceError(ImpossibleError):
    """A variable whose values lie nowhere that is known."""

    code = "no-place"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"nothing of {quote(name)} can be found by its place: {reason}")


class BadSelectionError(ImpossibleError):
    """A selection that is none, or that leaves nothing of this variable."""

    code = "bad-selection"


class UnknownVariableError(NotFoundError):
    """A dataset has no variable of this name."""

    code = "unknown-variable"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        names = sorted(known)
        super().__init__(f"no variable {quote(name)}{hint(name, names, _listed(names))}")


def _listed(names: list[str]) -> str:
    return f"it has {', '.join(names[:20])}"[:400]


class BadOptionError(ImpossibleError):
    """A part of a request that cannot be, and what can."""

    code = "bad-option"


class PictureTooLargeError(TooLargeError):
    """A picture for which more would be read than the limit allows."""

    code = "picture-too-large"

    def __init__(self, nbytes: int, limit_nbytes: int) -> None:
        super().__init__(
            f"this picture needs {nbytes / 2**20:.0f} MiB of data, above the limit of {limit_nbytes / 2**20:.0f} MiB; "
            "select less: a time, a level, or a shorter range"
        )


class UnknownGroupingError(ImpossibleError):
    """What a variable cannot be grouped by."""

    code = "unknown-grouping"

    def __init__(
        self, variable: str, coord: str, along: Iterable[str], times: Iterable[str], components: Iterable[str]
    ) -> None:
        names = [*along, *(f"{name}.{'|'.join(components)}" for name in times)]
        known = ", ".join(names)[:600] or "no coordinate along a dimension of its own"
        super().__init__(f"{quote(variable)} cannot be grouped by {quote(coord)}; it has {known}")


class DiagnosticTooLargeError(TooLargeError):
    """A diagnostic for which more would be read or held than the limit allows."""

    code = "diagnostic-too-large"

    def __init__(self, nbytes: int, limit_nbytes: int) -> None:
        super().__init__(
            f"this diagnostic needs {nbytes / 2**20:.3g} MiB, above the limit of {limit_nbytes / 2**20:.3g} MiB;"
            " raise max_diagnostic_nbytes, or open the dataset at .../zarr and compute it from there"
        )


class ResultTooLargeError(TooLargeError):
    """A result that is too long for text."""

    code = "result-too-large"

    def __init__(self, values: int, limit: int, instead: str = "f=nc") -> None:
        super().__init__(
            f"the result has {values} values, more than the {limit} that are written as text; ask for {instead}"
        )


class SubsetTooLargeError(TooLargeError):
    """A subset of more bytes than the limit allows."""

    code = "subset-too-large"

    def __init__(self, nbytes: int, limit_nbytes: int) -> None:
        super().__init__(
            f"this subset is about {nbytes} bytes ({nbytes / 2**20:.3g} MiB) of values, above the limit of"
            f" {limit_nbytes}; select less with var=, time=lo,hi or bbox=w,s,e,n, or open the dataset at"
            " .../zarr and read what you need"
        )


class TooSlowError(ImpossibleError):
    """What takes too long to compute."""

    code = "too-slow"

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"this was not computed within {seconds:g} s; select less, or open the dataset at .../zarr and compute it"
        )


class DrawingTooSlowError(ImpossibleError):
    """A picture that takes too long to draw."""

    code = "drawing-too-slow"

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"this picture was not drawn within {seconds:g} s; "
            "choose a smaller picture, region or range; a map of the kind 'image' is drawn far faster"
        )


class DrawingFailedError(ImpossibleError):
    """A picture that cannot be drawn."""

    code = "drawing-failed"

    def __init__(self, reason: str) -> None:
        super().__init__(f"this picture cannot be drawn ({reason}); try a smaller picture, region or range")
