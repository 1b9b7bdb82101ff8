"""HEAD wherever GET."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloudify.http.paths import is_byte_path

HEAD = "cloudify.head"
"""In the scope of a request of which only the head of the answer is wanted, for an answer that would not end."""


class Heads:
    """ASGI layer that asks the routes below for GET and drops the body of their answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a HEAD on as GET, anything else as it is."""
        if scope["type"] != "http" or scope["method"] != "HEAD" or is_byte_path(scope):
            await self.app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                if message.get("more_body", False):
                    return
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        await self.app({**scope, "method": "GET", HEAD: True}, receive, without_body)
