"""The layer that knows who asks, and what caches may keep of the answers to them.

Around all routes of a server; under a plain ``xpublish.Rest``, which has no layers of ours, around each route of ours.
xpublish's own routes there are answered as to nobody in particular.
"""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from xpublish.dependencies import get_plugins

from cloudify.errors import CloudifyError
from cloudify.http.access import Visit
from cloudify.http.auth import Authenticator, tokens_among
from cloudify.http.problems import Problem

IDENTIFIED = "cloudify.identified"
"""In the scope of a request of which it is known who sent it."""
PRIVATE = "private, no-store"


class Identified:
    """ASGI layer that finds out who sent a request.

    Parameters
    ----------
    authenticator
        By default made of what the plugins of the application have.
    """

    def __init__(self, app: ASGIApp, authenticator: Authenticator | None = None) -> None:
        self.app, self._authenticator = app, authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on as that of whoever sent it; one with a token that is none is refused."""
        if scope["type"] != "http" or IDENTIFIED in scope:
            await self.app(scope, receive, send)
            return
        try:
            authenticator = self._authenticator or _authenticator_of(scope)
            visit = Visit(await authenticator.principal(scope["headers"]))
        except CloudifyError as error:
            await Problem.of(error).response(scope)(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start" and (visit.depends or visit.is_private):
                _mark(message, is_private=visit.is_private)
            await send(message)

        scope[IDENTIFIED] = True
        with visit:
            await self.app(scope, receive, marked)


def _mark(message: Message, *, is_private: bool) -> None:
    headers = MutableHeaders(raw=list(message["headers"]))
    headers.add_vary_header("Authorization")
    if is_private:
        headers["cache-control"] = PRIVATE
    message["headers"] = headers.raw


def _authenticator_of(scope: Scope) -> Authenticator:
    """Return the one of an application, which is made with its first request."""
    state = scope["app"].state
    found = getattr(state, "cloudify_authenticator", None)
    if not isinstance(found, Authenticator):
        plugins = scope["app"].dependency_overrides.get(get_plugins, dict)()
        found = state.cloudify_authenticator = Authenticator(tokens_among(plugins.values()))
    return found
