"""Files that are elsewhere, as file objects for libraries that want one."""

from typing import BinaryIO
from urllib.parse import urlsplit

import fsspec

from cloudify.model.entry import Entry
from cloudify.settings import Settings


def open_elsewhere(entry: Entry, *, timeout_s: float, settings: Settings) -> BinaryIO:
    """Open the one file of an entry, over http or in an S3 store; it can be read anywhere.

    Raises
    ------
    OSError, aiohttp.ClientError
        If it is not there or cannot be read.
    """
    if urlsplit(entry.href).scheme == "s3":
        from cloudify.datasets.s3 import S3File, S3Objects  # noqa: PLC0415  # only who reads S3 pays for it

        return S3File.open(S3Objects(entry.href, entry.options, settings, timeout_s=timeout_s))
    import aiohttp  # noqa: PLC0415  # only who reads http pays for it

    fs = fsspec.filesystem("http", client_kwargs={"timeout": aiohttp.ClientTimeout(total=timeout_s)})
    file: BinaryIO = fs.open(entry.href, "rb")
    return file
