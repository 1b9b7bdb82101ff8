"""Objects of an S3 store, and files in it.

By obstore: one wheel without dependencies, where s3fs brings botocore and pins of its own, and its reads need no event
loop. Credentials come from the settings or the entry and are handed to it; nothing of them is in an error or a log.
"""

import io
from collections.abc import Mapping
from datetime import timedelta
from errno import EIO
from urllib.parse import urlsplit

from obstore.exceptions import BaseError
from obstore.store import S3Store
from pydantic import SecretStr

from cloudify.datasets.objects import Part, too_large
from cloudify.datasets.source import RefusedError
from cloudify.settings import Settings

RETRIES = 2
READ_AHEAD_NBYTES = 2**20


class S3Objects:
    """Objects below ``s3://bucket/key``.

    Parameters
    ----------
    options
        Of the entry; ``endpoint_url``, ``region``, ``access_key_id``, ``secret_access_key`` and ``anonymous`` go before
        the settings of the same names.
    """

    def __init__(self, href: str, options: Mapping[str, object], settings: Settings, *, timeout_s: float) -> None:
        parts = urlsplit(href)
        if not parts.hostname or "@" in parts.netloc:
            raise RefusedError("its URL names no bucket")
        self._prefix = parts.path.strip("/")
        self._store = _store(parts.netloc, options, settings, timeout_s)

    def read(self, key: str, part: Part | None = None, *, limit_nbytes: int) -> bytes | None:
        """Return the bytes of an object or of a part of it (`Objects.read`)."""
        offset, length = part or Part(0)
        try:
            if part is None or (offset == 0 and length is None):
                answer = self._store.get(self._path(key))
            elif offset < 0:
                answer = self._store.get(self._path(key), options={"range": {"suffix": -offset}})
            elif length is None:
                answer = self._store.get(self._path(key), options={"range": {"offset": offset}})
            else:
                answer = self._store.get(self._path(key), options={"range": (offset, offset + length)})
            start, stop = answer.range
            if stop - start > limit_nbytes:
                raise too_large()
            return bytes(answer.bytes())
        except FileNotFoundError:
            return None
        except BaseError as error:
            raise _failure(error) from None

    def size(self, key: str) -> int | None:
        """Return how many bytes an object has (`Objects.size`)."""
        meta = self.head(key)
        return None if meta is None else int(str(meta[0]))

    def head(self, key: str) -> tuple[object, ...] | None:
        """Return what tells one version of an object from another, its size first; None where there is none."""
        try:
            meta = self._store.head(self._path(key))
        except FileNotFoundError:
            return None
        except BaseError as error:
            raise _failure(error) from None
        return meta["size"], meta["e_tag"], meta["last_modified"]

    def _path(self, key: str) -> str:
        return "/".join(part for part in (self._prefix, key) if part)


def _store(bucket: str, options: Mapping[str, object], settings: Settings, timeout_s: float) -> S3Store:
    given = {
        "endpoint": options.get("endpoint_url", settings.s3_endpoint_url),
        "region": options.get("region", settings.s3_region),
        "access_key_id": options.get("access_key_id", _shown(settings.s3_access_key_id)),
        "secret_access_key": options.get("secret_access_key", _shown(settings.s3_secret_access_key)),
    }
    config = {name: str(value) for name, value in given.items() if value is not None}
    anonymous = options.get("anonymous", settings.s3_anonymous)
    if anonymous is None:
        anonymous = "access_key_id" not in config
    if anonymous:
        config = {name: value for name, value in config.items() if name in {"endpoint", "region"}}
    wait = timedelta(seconds=timeout_s)
    return S3Store(
        bucket,
        config={**config, "skip_signature": bool(anonymous)},  # type: ignore[arg-type]  # a typed dictionary
        client_options={"timeout": wait, "connect_timeout": wait, "allow_http": True},
        retry_config={
            "max_retries": RETRIES,
            "retry_timeout": wait,
            "backoff": {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=1), "base": 2},
        },
    )


def _shown(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _failure(error: BaseException) -> OSError:
    """Return a failure without the library's text, which has URLs and names the key that signed."""
    return OSError(EIO, f"the object store failed ({type(error).__name__})")


class S3File(io.RawIOBase):
    """An object as a file that can be read anywhere, for libraries that want one."""

    def __init__(self, objects: S3Objects) -> None:
        super().__init__()
        meta = objects.head("")
        if meta is None:
            raise FileNotFoundError(2, "no such object")
        self._objects, self._size, self._at = objects, int(str(meta[0])), 0

    @classmethod
    def open(cls, objects: S3Objects) -> io.BufferedReader:
        """Return a buffered file.

        Raises
        ------
        FileNotFoundError
            If there is no such object.
        """
        return io.BufferedReader(cls(objects), READ_AHEAD_NBYTES)

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def seekable(self) -> bool:
        """Whether it has positions: yes."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: "memoryview | bytearray", /) -> int:  # type: ignore[override]  # any buffer
        """Fill `buffer` from the position; fewer bytes at the end."""
        wanted = min(len(buffer), self._size - self._at)
        if wanted <= 0:
            return 0
        data = self._objects.read("", Part(self._at, wanted), limit_nbytes=wanted)
        if data is None or len(data) < wanted:
            raise EOFError("an object became shorter")
        buffer[:wanted] = data
        self._at += wanted
        return wanted
