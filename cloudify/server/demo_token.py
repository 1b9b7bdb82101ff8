"""The demo's token: clients on this machine find it in the data directory."""

import os
from hmac import compare_digest
from pathlib import Path
from time import time

from cloudify.compute.store.store import Store, open_store
from cloudify.errors import UsageError
from cloudify.model.token import read_token
from cloudify.settings import Settings
from cloudify.settings.environment import DEMO_TOKEN_NAME

USER = "demo"
SCOPES = frozenset({"read", "compute", "deploy"})
_MOST_NBYTES = 4096


def leave_demo_token(settings: Settings) -> Path:
    """Have a good token in a file that only who runs the demo can read; one that is there stays. Returns its path.

    Raises
    ------
    UsageError
        If the file cannot be written.
    StoreUnavailableError
        If the store cannot be.
    """
    url = settings.database_url
    path = settings.data_dir / DEMO_TOKEN_NAME
    store = open_store(url.get_secret_value() if url else None, settings.data_dir, migrate=True)
    try:
        if not _is_good(store, _text_in(path)):
            _write(path, store.tokens.create(USER, SCOPES))
    except OSError as error:
        raise UsageError(f"the token of the demo cannot be kept in {path} ({error.strerror})") from error
    finally:
        store.close()
    return path


def _is_good(store: Store, text: str) -> bool:
    read = read_token(text)
    stored = store.tokens.find(read[0]) if read else None
    if read is None or stored is None or not compare_digest(stored.digest, read[1]):
        return False
    is_late = stored.expires_at is not None and stored.expires_at <= time()
    return stored.user == USER and stored.scopes >= SCOPES and not (stored.is_revoked or is_late)


def _text_in(path: Path) -> str:
    """Return what is in a file of our own, which others cannot read; nothing of any other."""
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW)) as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                return ""
            return file.read(_MOST_NBYTES).decode("latin-1").strip()
    except OSError:
        return ""


def _write(path: Path, text: str) -> None:
    """Write a file that is there as a whole or as it was."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, f"{text}\n".encode())
        os.fsync(file)
    finally:
        os.close(file)
    unfinished.replace(path)
