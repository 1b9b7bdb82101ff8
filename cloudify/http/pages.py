"""HTML pages: templates of ``cloudify/web``, escaped, with nothing fetched from elsewhere."""

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse
from starlette.types import Scope

import cloudify

if TYPE_CHECKING:
    from jinja2 import Environment

WEB = files("cloudify") / "web"
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)
"""Inline styles are allowed because xarray's HTML representation carries its own."""


def render_page(
    template: str,
    scope: Scope,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,  # noqa: ANN401
) -> HTMLResponse:
    """Render a template; `values` are escaped by it."""
    prefix = scope.get("app_root_path", scope.get("root_path", ""))
    body = _environment().get_template(template).render(prefix=prefix, version=cloudify.__version__, **values)
    safety = {
        "content-security-policy": CONTENT_SECURITY_POLICY,
        "x-content-type-options": "nosniff",
        "vary": "Accept",
    }
    return HTMLResponse(body, status, {**safety, **(headers or {})})


@lru_cache(maxsize=1)
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415  # for those who look at pages

    loader = PackageLoader("cloudify", "web/templates")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
