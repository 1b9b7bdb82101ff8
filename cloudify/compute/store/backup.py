"""All that is kept, in a folder elsewhere."""

from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from cloudify.compute.store.blobs import TEMPORARY, Blobs, sweep, sync
from cloudify.compute.store.database import Database
from cloudify.errors import StoreUnavailableError, UsageError


def back_up(database: Database, blobs: Blobs, to: Path) -> None:
    """Write the database to a file, and the blobs beside it.

    The database is copied first: every blob that its copy names is there by then, and none goes until all are copied.
    Its copy gets its name last, so that a folder never has a database whose blobs it lacks.

    Raises
    ------
    UsageError
        If that cannot be.
    """
    folder = to.parent
    temporary = folder / f"{TEMPORARY}{token_hex(12)}"
    if to.with_name(f"{to.name}-wal").exists():
        raise UsageError(f"a server uses {folder}, or was killed while it did; back up to another folder")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep(folder)
        with blobs.kept():
            database.backend.copy(temporary)
            blobs.copy(Blobs(folder))
        temporary.chmod(0o600)
        sync(temporary)
        temporary.replace(to)
        sync(folder)
    except OSError as error:
        raise UsageError(f"the backup cannot be written to {folder} ({error.strerror})") from error
    except StoreUnavailableError as error:
        raise UsageError(f"the backup to {folder} has failed: {error}") from error
    finally:
        with suppress(OSError):
            temporary.unlink()
