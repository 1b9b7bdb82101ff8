"""What form of an answer a client wants."""

from starlette.requests import Request


def wants_html(request: Request) -> bool:
    """Whether the client is a browser, or asked for ``?f=html``; ``?f=json`` is never HTML.

    A browser names ``text/html`` in Accept; programs send ``*/*``, nothing, or the type they want.
    """
    form = request.query_params.get("f")
    if form:
        return form == "html"
    return "text/html" in request.headers.get("accept", "")
