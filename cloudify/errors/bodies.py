"""Failures of what is sent with a request."""

from cloudify.errors.families import OGC_DEPLOY, CloudifyError, UnsupportedError, quote


class MalformedBodyError(CloudifyError):
    """A body that is not the JSON that it says to be."""

    code = "malformed-body"

    def __init__(self, reason: str) -> None:
        super().__init__(f"the body of the request is no JSON object in UTF-8: {reason}")


class UnsupportedBodyError(UnsupportedError):
    """A body of a type that is not taken here."""

    code = "unsupported-media-type"
    uri = f"{OGC_DEPLOY}unsupported-media-type"

    def __init__(self, given: str) -> None:
        super().__init__(
            (f"a body of the type {quote(given)} is not taken here" if given else "the body has no type")
            + "; send JSON in UTF-8, as 'Content-Type: application/json'"
        )


class EncodedBodyError(UnsupportedError):
    """A body that is compressed."""

    code = "encoded-body"

    def __init__(self, given: str) -> None:
        super().__init__(
            f"a body with 'Content-Encoding: {given[:40]}' is not taken here; send the JSON itself, without one"
        )
