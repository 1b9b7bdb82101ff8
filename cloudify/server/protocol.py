"""HTTP/1.1 as uvicorn speaks it, with its own refusals as problems."""

import json
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from cloudify.http.problems import MEDIA_TYPE, Problem

DETAIL = "this is no HTTP/1.1 request: check the method, the path (spaces are written %20) and the headers"


class Protocol(HttpToolsProtocol):
    """One connection."""

    body_nbytes = 0
    """How much of bodies came in, of all requests."""

    def on_body(self, body: bytes) -> None:
        """Take in a part of a body."""
        self.body_nbytes += len(body)
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # uvicorn's text says less
        """Refuse what is not HTTP. There is no request, so neither an instance nor a request id."""
        problem = Problem.of_status(HTTPStatus.BAD_REQUEST, DETAIL)
        body = json.dumps(problem.content()).encode()
        head = (
            f"HTTP/1.1 {problem.status} {problem.status.phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
