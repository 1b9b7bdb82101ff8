"""The settings, and the only reader of the environment.

A value comes from ``CLOUDIFY_*`` in the environment, else from ``cloudify.yaml`` (or the file that ``CLOUDIFY_CONFIG``
names), else from the default. ``cloudify config show`` prints each value with where it came from.
"""

import os
import re
from functools import lru_cache
from ipaddress import ip_network
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from cloudify.errors import InvalidSettingError
from cloudify.settings.environment import (
    ALIASES,
    DEMO_TOKEN_NAME,
    ENV_PREFIX,
    default_data_dir,
    read_aliases,
    read_file,
    settings_file,
)

MIB = 2**20
_SCHEDULER = re.compile(r"((tcp|tls|wss?)://)?(\[[0-9a-fA-F:.]+\]|[^\s/:\[\]]+):[0-9]{1,5}|inproc://\S+")


class Settings(BaseSettings):
    """What an operator may set. Sizes are bytes, times seconds."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(9000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    workers: int = Field(
        1, ge=1, le=256, description="processes that answer requests, of `cloudify serve` and `cloudify demo`"
    )
    root_url: str | None = Field(None, description="public root of the server's links, e.g. https://data.example.org/x")
    trusted_proxies: str = Field(
        "", description="comma-separated addresses or networks whose X-Forwarded-* headers are believed"
    )
    data_dir: Path = Field(default_factory=default_data_dir, description="where the server keeps its own files")
    database_url: SecretStr | None = Field(
        None, description="PostgreSQL database of jobs and tokens; by default a file in data_dir; never shown"
    )

    log_format: Literal["auto", "console", "json"] = Field("auto", description="auto: console on a terminal, else json")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least severity that is logged")
    access_log: bool = Field(default=False, description="log a line for every request")

    watch: bool = Field(
        default=True, description="notice files and catalogs that come, go and change while they are served"
    )
    reread_s: float = Field(
        30.0, ge=0, description="how often targets are read again though nothing told of a change; 0: never"
    )
    open_datasets: int = Field(128, ge=1, description="most datasets held open at once")
    token_check_s: float = Field(1.0, ge=0, description="how long a directory or URL is taken as unchanged")
    settle_s: float = Field(
        0.5, ge=0, description="how long a file that is rewritten in place must rest before it is read again"
    )
    chunk_nbytes: int = Field(2 * MIB, ge=1, description="chunk size, before encoding, where the source has no chunks")
    max_chunk_nbytes: int = Field(256 * MIB, ge=1, description="largest chunk, before encoding, that is served")
    chunk_cache_nbytes: int = Field(256 * MIB, ge=0, description="encoded chunks kept in memory by one process")
    reduction_cache_nbytes: int = Field(
        256 * MIB, ge=0, description="values that many chunks of a lazy dataset need, e.g. a mean, kept by one process"
    )
    max_picture_nbytes: int = Field(512 * MIB, ge=1, description="most values, in bytes, that are read for a picture")
    max_diagnostic_nbytes: int = Field(
        2048 * MIB, ge=1, description="most values, in bytes, that are read for a diagnostic, and that it may have"
    )
    diagnostic_timeout_s: float = Field(
        60.0, gt=0, description="longest time for computing a diagnostic, a series or a subset"
    )
    max_subset_nbytes: int = Field(
        2048 * MIB, ge=1, description="most values, in bytes of memory, that a downloaded subset may have"
    )
    kept_nbytes: int = Field(1024 * MIB, ge=0, description="files under data_dir that can be made again, each kind")
    read_threads: int = Field(16, ge=1, description="reads of chunks at once in one process")
    queue: int = Field(
        512, ge=0, description="requests of one kind that wait in one process; more are asked to come again"
    )
    chunk_timeout_s: float = Field(150.0, gt=0, description="longest time until a chunk is there, waiting included")
    remote_timeout_s: float = Field(30.0, gt=0, description="longest wait for a remote source")

    summary_timeout_s: float = Field(
        30.0, ge=0, description="longest the background pass spends on summarising one dataset; 0: no pass"
    )

    unsafe_compute: bool = Field(
        default=False,
        description="run functions that users send without a sandbox: whoever may compute may do what the server may",
    )
    dask: Literal["auto", "none"] = Field(
        "auto", description="where jobs run without dask_address: auto, a cluster of this machine; none, threads"
    )
    dask_address: str | None = Field(
        None, description="Dask scheduler that computes chunks of lazy datasets, e.g. tls://10.0.0.1:8786"
    )
    dask_connect_s: float = Field(5.0, gt=0, description="longest wait for the connection to the scheduler")
    dask_chunk_s: float = Field(120.0, gt=0, description="longest wait for a chunk that the cluster computes")
    dask_chunks: int = Field(64, ge=1, description="chunks that one process has computed on the cluster at once")
    fetch_allow: str = Field(
        "", description="comma-separated networks that catalogs from elsewhere may name besides public ones"
    )

    s3_endpoint_url: str | None = Field(None, description="where S3 stores are, e.g. https://s3.example.org")
    s3_region: str | None = Field(None, description="region of S3 stores")
    s3_access_key_id: SecretStr | None = Field(None, description="name of the key that signs; never shown")
    s3_secret_access_key: SecretStr | None = Field(None, description="the key itself; never shown")
    s3_anonymous: bool | None = Field(
        None, description="read S3 unsigned; by default where there is no key; false: credentials of the machine"
    )

    drawing_processes: int | None = Field(
        None,
        ge=1,
        description="processes that draw pictures with matplotlib, started when needed; default: as many as cores",
    )
    drawing_timeout_s: float = Field(10.0, gt=0, description="longest time for drawing one picture")
    drawing_nbytes: int = Field(2048 * MIB, ge=64 * MIB, description="memory for drawing one picture")
    drawing_queue: int = Field(64, ge=0, description="pictures that wait to be drawn, in one process of the server")

    slice_timeout_s: float = Field(60.0, gt=0, description="longest time for one slice of a job")
    slice_nbytes: int = Field(512 * MIB, ge=64 * MIB, description="memory for a function while it runs over a slice")
    max_block_nbytes: int = Field(256 * MIB, ge=1, description="most values, in bytes of memory, that a slice may have")

    keep_jobs_s: float = Field(
        30 * 86_400.0, ge=0, description="how long jobs that have ended are kept with what they left; 0: for ever"
    )

    max_body_nbytes: int = Field(2 * MIB, ge=0, description="largest request body that is read")
    head_timeout_s: float = Field(
        10.0, gt=0, description="longest time until the head of a request is there; then the connection is closed"
    )
    stall_timeout_s: float = Field(
        30.0, gt=0, description="how long a client may read, or send a body, slower than 1 KiB a second"
    )
    shutdown_s: float = Field(4.0, gt=0, le=5, description="time that running requests get to finish on SIGTERM")

    @field_validator("fetch_allow")
    @classmethod
    def _check_networks(cls, value: str) -> str:
        for part in filter(None, map(str.strip, value.split(","))):
            ip_network(part, strict=False)
        return value

    @field_validator("root_url")
    @classmethod
    def _check_root_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if (
            parts.scheme not in {"http", "https"}
            or not parts.hostname
            or parts.query
            or parts.fragment
            or parts.username
        ):
            raise ValueError("expected an http or https URL without query, e.g. https://data.example.org/x")
        return value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, value: SecretStr | None) -> SecretStr | None:
        url = value.get_secret_value() if value else ""
        if url and urlsplit(url).scheme not in {"postgresql", "postgres"}:
            raise ValueError("expected a PostgreSQL database, e.g. postgresql://user:password@host/database")
        return value if url else None

    @field_validator("dask_address")
    @classmethod
    def _check_dask_address(cls, value: str | None) -> str | None:
        if value and not _SCHEDULER.fullmatch(value):
            raise ValueError("expected the address of a Dask scheduler, e.g. tcp://127.0.0.1:8786")
        return value or None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # the signature is the library's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Options, then the environment, then the file."""
        return (
            init_settings,
            env_settings,
            InitSettingsSource(settings_cls, init_kwargs=read_aliases()),
            InitSettingsSource(settings_cls, init_kwargs=read_file()),
        )

    @classmethod
    def load(cls, **given: object) -> Self:
        """Read the environment and the settings file; `given` (options of a command) wins over both.

        Raises
        ------
        InvalidSettingError
            Naming the setting, where its value came from, and what was expected.
        """
        try:
            return cls(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]  # validated
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"]) or "settings"
            raise InvalidSettingError(
                f"setting {name!r} ({origin(name, given)}): {first['msg']}; `cloudify config show` lists all settings"
            ) from error


def load_settings() -> Settings:
    """The settings of this process, for plugins that no server of ours configures (a plain ``xpublish.Rest``).

    They are loaded again when the environment has changed: a host script sets variables after it has imported us.
    """
    ours = {name: value for name, value in os.environ.items() if name.startswith(ENV_PREFIX)}
    return _load_settings(tuple(sorted((ours | read_aliases()).items())))


@lru_cache(maxsize=1)
def _load_settings(_environment: tuple[tuple[str, object], ...]) -> Settings:
    return Settings.load()


def demo_token_file(data_dir: str | None = None) -> Path:
    """Return where the demo leaves its token, whether it has or not."""
    return Settings.load(data_dir=data_dir).data_dir / DEMO_TOKEN_NAME


def dask_address(settings: Settings) -> str | None:
    """Return the address of the scheduler: as set, else as the environment has it by now.

    A host script may put it there between making its ``xpublish.Rest`` and serving it.
    """
    return settings.dask_address or os.environ.get(f"{ENV_PREFIX}DASK_ADDRESS") or os.environ.get("ZARR_ADDRESS")


def origin(name: str, given: dict[str, object] | None = None) -> str:
    """Where the value of the setting `name` comes from, in words."""
    if given and given.get(name) is not None:
        return "option"
    if os.environ.get(ENV_PREFIX + name.upper()) is not None:
        return f"environment {ENV_PREFIX}{name.upper()}"
    if name in read_aliases():
        return f"environment {ALIASES[name]}"
    if name in read_file():
        return f"file {settings_file()}"
    return "default"


def log_style(settings: Settings, *, terminal: bool) -> Literal["console", "json"]:
    """Resolve ``log_format: auto``."""
    if settings.log_format == "auto":
        return "console" if terminal else "json"
    return settings.log_format
