"""``cloudify token``: who may do what on a server. It opens the store itself, also while a server runs on it."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cloudify.cli.guard import one_line

if TYPE_CHECKING:
    from cloudify.compute.store.records import Issued
    from cloudify.compute.store.tokens import Tokens

token = typer.Typer(help="Tokens of a server.", no_args_is_help=True, rich_markup_mode=None)

DataDir = Annotated[str | None, typer.Option(help="Of the server.  [default: $XDG_DATA_HOME/cloudify]")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

COLUMNS = ("id", "user", "scopes", "state", "created", "expires", "used", "datasets")
DEFAULT_USER, DEFAULT_SCOPES = "me", "read,compute"
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LASTING = re.compile(r"([0-9]{1,6})([smhdw])")


@token.command("create")
def create_token(
    scope: Annotated[str, typer.Option(help="Comma-separated: read, compute, deploy, admin.")] = DEFAULT_SCOPES,
    user: Annotated[str, typer.Option(help="Whose it is: jobs and their results are a user's.")] = DEFAULT_USER,
    expires: Annotated[
        str | None, typer.Option(help="How long it is good for, e.g. 30d or 12h.  [default: for ever]")
    ] = None,
    dataset: Annotated[
        list[str] | None, typer.Option(help="Id of the only dataset of the user that it is for; may be repeated.")
    ] = None,
    data_dir: DataDir = None,
) -> None:  # fmt: skip
    """Make a token, and print it, alone on a line: nobody can tell it later."""
    from time import time

    scopes = _scopes(scope)
    _check_names(user, dataset or [])
    lasts_s = _seconds(expires)
    with _tokens(data_dir) as tokens:
        print(tokens.create(user, scopes, None if lasts_s is None else time() + lasts_s, dataset or None))


@token.command("list")
def list_tokens(data_dir: DataDir = None, as_json: Json = False) -> None:
    """List tokens, the oldest first; none can be read out of this."""
    with _tokens(data_dir) as tokens:
        rows = [_row(issued) for issued in tokens.list()]
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    if not rows:
        print("no tokens")
        return
    table = [COLUMNS, *([str(row[name] or "") for name in COLUMNS] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


@token.command("revoke")
def revoke_token(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="Of the token; `cloudify token list` shows them.")],
    data_dir: DataDir = None,
) -> None:
    """Have a token be good for nothing; servers know within seconds."""
    from cloudify.errors import UnknownTokenError
    from cloudify.model.token import read_token

    read = read_token(token_id)  # the whole of one does as well
    name = read[0] if read else token_id
    with _tokens(data_dir) as tokens:
        if not tokens.revoke(name):
            raise UnknownTokenError(name)
    print(f"token {name} revoked")


@contextmanager
def _tokens(data_dir: str | None) -> Iterator["Tokens"]:
    """Open the store of a data directory, as the settings say."""
    with one_line():
        from cloudify.compute.store.store import open_store
        from cloudify.errors import UsageError
        from cloudify.settings import Settings

        settings = Settings.load(data_dir=data_dir)
        url = settings.database_url
        try:
            settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise UsageError(f"the data directory {settings.data_dir} cannot be made ({error.strerror})") from error
        store = open_store(url.get_secret_value() if url else None, settings.data_dir, migrate=True)
        try:
            yield store.tokens
        finally:
            store.close()


def _scopes(text: str) -> list[str]:
    from cloudify.model.principal import SCOPES

    scopes = [part.strip() for part in text.split(",") if part.strip()]
    unknown = next((scope for scope in scopes if scope not in SCOPES), None)
    if unknown is not None or not scopes:
        raise typer.BadParameter(f"{unknown or text!r}: expected some of {','.join(SCOPES)}", param_hint="--scope")
    return scopes


def _check_names(user: str, datasets: list[str]) -> None:
    from cloudify.model.entry import is_valid_id
    from cloudify.model.principal import is_user

    if not is_user(user):
        raise typer.BadParameter(
            f"{user!r}: expected 1 to 64 of A-Z a-z 0-9 . _ -, and none of our own paths", param_hint="--user"
        )
    wrong = next((name for name in datasets if not is_valid_id(name)), None)
    if wrong is not None:
        raise typer.BadParameter(f"{wrong!r} cannot be the id of a dataset", param_hint="--dataset")


def _seconds(text: str | None) -> int | None:
    match = _LASTING.fullmatch(text) if text is not None else None
    if text is not None and (match is None or not int(match[1])):
        raise typer.BadParameter(f"{text!r}: expected a number and s, m, h, d or w, e.g. 30d", param_hint="--expires")
    return int(match[1]) * UNITS[match[2]] if match else None


def _row(issued: "Issued") -> dict[str, Any]:
    from time import time

    each = issued.token
    is_late = each.expires_at is not None and each.expires_at <= time()
    return {
        "id": each.id,
        "user": each.user,
        "scopes": ",".join(sorted(each.scopes)),
        "state": "revoked" if each.is_revoked else "expired" if is_late else "good",
        "created": _time(issued.created),
        "expires": _time(each.expires_at),
        "used": _time(issued.last_used),
        "datasets": None if each.datasets is None else ",".join(each.datasets),
    }


def _time(seconds: float | None) -> str | None:
    from datetime import UTC, datetime

    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
