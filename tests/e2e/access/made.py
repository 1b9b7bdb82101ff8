"""A server with a public dataset and two that have owners, real files behind them, and tokens in memory."""

from dataclasses import replace
from pathlib import Path
from time import time

import numpy as np
import pandas as pd
import xarray as xr

from cloudify import Server
from cloudify.catalog.catalog import Catalog
from cloudify.model.entry import Entry
from cloudify.model.token import StoredToken, new_token
from cloudify.settings import Settings

PUBLIC, MINE, NONE = "tas-public", "job-7f3a1", "job-7f3a2"
"""One that everybody sees, one of ada, and one that nobody has, with an id as near and as long."""
OTHERS = "job-of-bob"
DAY_S = 86_400.0


class KeptTokens:
    """Tokens in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, StoredToken] = {}
        self.asked = 0

    def find(self, token_id: str) -> StoredToken | None:
        self.asked += 1
        return self.kept.get(token_id)

    def add(
        self,
        user: str,
        *scopes: str,
        expires_at: float | None = None,
        is_revoked: bool = False,
        datasets: tuple[str, ...] | None = None,
    ) -> str:
        """Make a token and return its text."""
        text, token_id, digest = new_token()
        self.kept[token_id] = StoredToken(token_id, digest, user, frozenset(scopes), expires_at, is_revoked, datasets)
        return text

    def revoke(self, text: str) -> None:
        token_id = text.split("_")[1]
        self.kept[token_id] = replace(self.kept[token_id], is_revoked=True)


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


class Made:
    """A server, not yet running, and who may come to it."""

    def __init__(self, folder: Path) -> None:
        paths = {name: folder / f"{number}.nc" for number, name in enumerate((PUBLIC, MINE, OTHERS))}
        for number, path in enumerate(paths.values()):
            write(path, 280.0 + number)
        owners = {PUBLIC: "", MINE: "ada", OTHERS: "bob"}
        entries = tuple(
            Entry(name, "netcdf", str(path), title=f"title of {name}", owner=owners[name])
            for name, path in paths.items()
        )
        self.paths, self.tokens = paths, KeptTokens()
        self.owner = bearer(self.tokens.add("ada", "read", expires_at=time() + DAY_S))
        self.strangers = {
            "nobody": {},
            "another user": bearer(self.tokens.add("bob", "read", "compute", "deploy", "admin")),
            "a token of hers that may not read": bearer(self.tokens.add("ada", "compute", "deploy", "admin")),
            "a token of hers for another dataset": bearer(self.tokens.add("ada", "read", datasets=("job-7f3a9",))),
        }
        settings = Settings(data_dir=folder / "data", watch=False)
        self.server = Server(Catalog(entries), settings=settings, tokens=self.tokens)


def write(path: Path, base: float) -> None:
    """Write temperatures of six months on a coarse globe, and a group with a number."""
    rng = np.random.default_rng(7)
    times = pd.date_range("2000-01-01", periods=6, freq="MS")
    values = (base + rng.normal(size=(6, 18, 36))).astype("float32")
    tas = xr.Dataset(
        {"tas": (("time", "lat", "lon"), values, {"units": "K", "standard_name": "air_temperature"})},
        coords={
            "time": times,
            "lat": ("lat", np.arange(-85.0, 90, 10), {"units": "degrees_north"}),
            "lon": ("lon", np.arange(5.0, 360, 10), {"units": "degrees_east"}),
        },
    )
    tree = xr.DataTree.from_dict({"/": tas, "/g": xr.Dataset({"n": ("x", np.arange(3.0))})})
    tree.to_netcdf(path, engine="h5netcdf", encoding={"/": {"tas": {"chunksizes": (2, 18, 36)}}})
