"""Which Host a server answers to, and the root of the links it writes."""

import re
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from cloudify.errors import RefusedHostError
from cloudify.http.problems import Problem
from cloudify.settings import Settings

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HOST = re.compile(r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


class Names:
    """The Hosts that a server answers to: on the loopback address its names, else any.

    A page of another site whose name resolves to 127.0.0.1 (DNS rebinding) would else read everything served here.
    """

    def __init__(self, settings: Settings) -> None:
        is_loopback = bool({settings.host, f"[{settings.host}]"} & LOOPBACK_NAMES)
        root = {urlsplit(settings.root_url).hostname or ""} if settings.root_url else set()
        self._names = LOOPBACK_NAMES | root if is_loopback else None

    def __call__(self, host: str) -> bool:
        """Whether it answers to a Host."""
        if self._names is None:
            return True
        match = _HOST.fullmatch(host)
        return match is not None and match["name"].lower() in self._names


class KnownHosts:
    """ASGI layer that refuses the Hosts that a server does not answer to."""

    def __init__(self, app: ASGIApp, is_known: Callable[[str], bool]) -> None:
        self.app, self._is_known = app, is_known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if its Host is known."""
        if scope["type"] == "http":
            host = Headers(scope=scope).get("host", "")
            if not self._is_known(host):
                await Problem.of(RefusedHostError(host)).response(scope)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def root_url(request: Request, settings: Settings) -> str:
    """Return the root of the links in the answer to `request`, without a slash at its end.

    The configured root URL, else forwarded headers of a trusted proxy, else the request's Host if it is a well-formed
    ``host:port``, else ``""``: links are then relative.
    """
    if settings.root_url:
        return settings.root_url
    scheme, host, prefix = (
        request.url.scheme,
        request.headers.get("host", ""),
        request.scope.get("root_path", ""),
    )
    if request.client is not None and _is_trusted(request.client.host, settings.trusted_proxies):
        scheme = request.headers.get("x-forwarded-proto", scheme).split(",")[0].strip()
        host = request.headers.get("x-forwarded-host", host).split(",")[0].strip()
        prefix = request.headers.get("x-forwarded-prefix", prefix).split(",")[0].strip().rstrip("/")
    if scheme not in {"http", "https"} or _HOST.fullmatch(host) is None or not re.fullmatch(r"(/[\w.~-]+)*", prefix):
        return ""
    return f"{scheme}://{host}{prefix}"


def _is_trusted(client: str, proxies: str) -> bool:
    try:
        address = ip_address(client)
    except ValueError:
        return False
    return any(address in ip_network(proxy.strip(), strict=False) for proxy in proxies.split(",") if proxy.strip())
