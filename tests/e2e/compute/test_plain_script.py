"""``xpublish.Rest({...})`` in a plain script runs functions over the objects that it serves."""

from typing import Any

import numpy as np
import xarray as xr

import cloudify

SCRIPT = """
import numpy as np, sys, xarray as xr, xpublish

ds = xr.Dataset({"a": (("t", "x"), np.arange(24.0).reshape(4, 6))}, {"t": [1, 2, 3, 4]}).chunk(t=1)
xpublish.Rest({"mine": ds}).serve(host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
"""


def half(block: Any) -> Any:
    return block["a"] / 2


def test_a_plain_script_runs_functions(tmp_path: Any, host_script: Any) -> None:
    """Its cluster would run the script again in every worker: jobs run on threads here."""
    (tmp_path / "plain.py").write_text(SCRIPT)
    env = {"CLOUDIFY_UNSAFE_COMPUTE": "1", "CLOUDIFY_DATA_DIR": str(tmp_path / "data")}
    script = host_script("plain.py", "{port}", env=env)
    made = cloudify_token(tmp_path / "data")

    with cloudify.connect(script.url, token=made) as server:
        out = server.map(half, "mine").result(60)
        assert isinstance(out, xr.Dataset)
        np.testing.assert_array_equal(out.a.to_numpy(), np.arange(24.0).reshape(4, 6) / 2)
        assert out.a.chunks == ((1, 1, 1, 1), (6,))


def cloudify_token(data_dir: Any) -> str:
    """Make a token as an operator does, while the script runs."""
    import subprocess  # noqa: PLC0415
    import sys  # noqa: PLC0415

    command = [
        sys.executable,
        "-m",
        "cloudify",
        "token",
        "create",
        "--scope",
        "read,compute",
        "--data-dir",
        str(data_dir),
    ]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
