"""What goes over the network: what is asked again, what is not, and to whom a token is shown."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

import cloudify
from cloudify.client.connect import RemoteServer
from cloudify.client.refusals import retry_after_s
from cloudify.client.token import find_token
from cloudify.errors import (
    InvalidCallError,
    NotThereError,
    ServerBusyError,
    ServerSaysError,
    TokenRefusedError,
    UnreachableError,
)
from cloudify.testing import free_port

LIST = ("GET", "/ogc-api/jobs")


@pytest.fixture(autouse=True)
def _no_token_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CLOUDIFY_TOKEN", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def busy(stand_in: Any, retry_after: str = "0") -> Response:
    return stand_in.problem(503, "urn:cloudify:problems/store-unavailable", "ask again", **{"Retry-After": retry_after})


def test_nobody_there_is_one_sentence_with_the_url_and_the_command() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with cloudify.connect(f"{url}/") as server, pytest.raises(UnreachableError) as refused:
        server.datasets()
    assert str(refused.value) == (
        f"no answer from {url}: connection refused; is the server running? `cloudify serve` starts one"
    )


def test_a_busy_server_is_asked_again(server: RemoteServer, stand_in: Any) -> None:
    stand_in.instead[LIST] = [busy(stand_in), busy(stand_in)]
    assert server.jobs() == []
    assert len(stand_in.asked) == 3


def test_a_busy_server_is_asked_as_late_as_it_wants(server: RemoteServer, stand_in: Any) -> None:
    stand_in.instead[LIST] = [busy(stand_in, "1")]
    before = monotonic()
    assert server.jobs() == []
    assert monotonic() - before >= 1.0


def test_a_server_that_is_busy_for_long_is_not_waited_for(server: RemoteServer, stand_in: Any) -> None:
    stand_in.instead[LIST] = [busy(stand_in, "3600")]
    with pytest.raises(ServerBusyError, match="ask again") as refused:
        server.jobs()
    assert (refused.value.status, refused.value.problem) == (503, "store-unavailable")
    assert len(stand_in.asked) == 1


def test_five_tries_are_enough(server: RemoteServer, stand_in: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("cloudify.client.session.sleep", pauses.append)
    stand_in.instead[LIST] = [busy(stand_in) for _ in range(9)]
    with pytest.raises(ServerBusyError):
        server.jobs()
    assert len(stand_in.asked) == 5
    assert pauses == [0.2, 0.4, 0.8, 1.6]


def test_what_may_not_be_sent_twice_is_sent_once(server: RemoteServer, stand_in: Any) -> None:
    stand_in.instead["POST", "/ogc-api/processes"] = [busy(stand_in)]
    with pytest.raises(ServerBusyError):
        server.deploy("def f(block): return block")
    assert len(stand_in.asked) == 1


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (400, ServerSaysError, "no good"),
        (403, TokenRefusedError, 'no good (sent was the token that was given; token="" sends none)'),
        (404, NotThereError, "no good"),
        (409, ServerSaysError, "no good"),
        (410, NotThereError, "no good"),
        (413, ServerSaysError, "no good"),
        (422, ServerSaysError, "no good"),
        (500, ServerSaysError, "no good (request f00d)"),
        (599, ServerSaysError, "no good (request f00d)"),
    ],
)
def test_a_refusal_has_the_sentence_of_the_server(
    server: RemoteServer, stand_in: Any, status: int, error: type[ServerSaysError], said: str
) -> None:
    stand_in.instead[LIST] = [stand_in.problem(status, "http://www.opengis.net/x/1.0/some-reason", "no good")]
    with pytest.raises(ServerSaysError) as refused:
        server.jobs()
    assert type(refused.value) is error
    assert (str(refused.value), refused.value.status, refused.value.problem) == (said, status, "some-reason")


def test_who_has_no_token_is_told_how_to_give_one(url: str, stand_in: Any) -> None:
    with cloudify.connect(url) as server, pytest.raises(TokenRefusedError) as refused:
        server.jobs()
    assert str(refused.value) == (
        'this needs a token (no token was sent: connect(url, token="cld_..."), or set CLOUDIFY_TOKEN)'
    )
    assert "authorization" not in stand_in.asked[0][2]


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (HTMLResponse("<p>502</p>", 502), ServerSaysError, "is answered with 502 Bad Gateway, without a reason"),
        (
            HTMLResponse("<p>Welcome</p>"),
            ServerSaysError,
            "answers with 'text/html; charset=utf-8' where JSON is",
        ),
        (JSONResponse([1], 404), NotThereError, "is answered with 404 Not Found, without a reason"),
        (JSONResponse({"type": 3, "detail": ["x"]}, 422), ServerSaysError, "is answered with 422"),
    ],
)
def test_what_is_no_cloudify_is_told_apart(
    server: RemoteServer, stand_in: Any, answer: Response, error: type[ServerSaysError], said: str
) -> None:
    stand_in.instead[LIST] = [answer]
    with pytest.raises(error) as refused:
        server.jobs()
    assert said in str(refused.value)


@pytest.mark.parametrize("said", [{}, [], {"jobID": "j", "status": "asleep"}, {"jobID": 3, "status": "running"}])
def test_what_is_no_job_is_not_waited_for(server: RemoteServer, stand_in: Any, said: object) -> None:
    stand_in.instead["GET", "/ogc-api/jobs/j"] = [JSONResponse(said)]
    with pytest.raises(ServerSaysError, match="the server's answer is no job"):
        server.job("j")


def test_a_redirect_is_told_and_not_followed(server: RemoteServer, stand_in: Any, url: str) -> None:
    """The token is for the server that was named."""
    stand_in.instead[LIST] = [RedirectResponse(f"{url}/datasets")]
    with pytest.raises(ServerSaysError, match=f"is answered by {url}/datasets: connect to that server"):
        server.jobs()
    assert len(stand_in.asked) == 1


def test_no_proxy_is_shown_what_stays_on_this_machine(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, nobody)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with cloudify.connect(url, "cld_abcd1234_good") as server:
        assert server.jobs() == []
        assert server.open("made").v.shape == (4, 3)
    with cloudify.connect("http://example.invalid", "") as elsewhere, pytest.raises(UnreachableError):
        elsewhere.jobs()


def test_a_token_is_found_in_its_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here, far = "http://127.0.0.1:9000", "https://data.example.org"
    file = tmp_path / "home" / "cloudify" / "demo-token"
    file.parent.mkdir(parents=True)
    file.write_text("cld_demo\n")

    def found(url: str, given: str | None = None, data_dir: str | None = None) -> str | None:
        token = find_token(url, given, data_dir)
        return token and token.text

    assert [found(url) for url in (here, "http://localhost:1", "http://[::1]:1")] == ["cld_demo"] * 3
    assert [found(url) for url in (far, "http://127.0.0.1.example.org", "http://10.0.0.1")] == [None] * 3
    assert (found(here, "cld_given"), found(far, "cld_given"), found(here, "")) == ("cld_given", "cld_given", None)
    assert found(here, data_dir=str(tmp_path)) is None
    monkeypatch.setenv("CLOUDIFY_TOKEN", "cld_variable")
    assert (found(here), found(far), found(far, "cld_given")) == ("cld_variable", "cld_variable", "cld_given")
    assert "cld_variable" not in repr(find_token(far, None))


@pytest.mark.parametrize("token", ["a b", "cld_\r\nX-Evil: 1", "cld_é", " ", "x" * 5000])
def test_what_no_header_can_carry_is_no_token(token: str) -> None:
    with pytest.raises(InvalidCallError, match="the token that was given is no token: expected one line of ASCII"):
        cloudify.connect("http://127.0.0.1:9000", token)


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:9000",
        "ftp://x",
        "http://",
        "http://x:99999",
        "http://u:p@x",
        "http://x?a=b",
        "http://x#y",
        "",
        "http://[x",
    ],
)
def test_what_is_no_url_of_a_server_is_said_at_once(url: str) -> None:
    with pytest.raises(InvalidCallError, match=r"is no URL of a server: expected e\.g\. http://127\.0\.0\.1:9000"):
        cloudify.connect(url, "")


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0), ("soon", 2.0)])
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float) -> None:
    assert retry_after_s(httpx.Response(503, headers={"retry-after": header})) == seconds


def test_many_threads_share_a_server(server: RemoteServer, stand_in: Any) -> None:
    with ThreadPoolExecutor(64) as threads:
        jobs = list(threads.map(lambda n: server.map("def f(x): return x", data=[n]).result(), range(64)))
    assert jobs == [[n] for n in range(64)]
    assert len(stand_in.jobs) == 64


NEEDS_ONLY_HTTPX = """
import sys
import cloudify

server = cloudify.connect({url!r}, {token!r})

def twice(x):
    return 2 * x

job = server.map(twice, data=[1])
job.wait()
for event in job.events():
    pass
loaded = set({absent!r}) & set(sys.modules)
assert not loaded, loaded
print(job.result())
"""
SCIENCE = ["xarray", "numpy", "dask", "zarr", "fsspec", "aiohttp", "pandas", "fastapi", "starlette", "distributed"]
SETTINGS = ["pydantic", "pydantic_settings", "yaml"]


@pytest.mark.parametrize(("token", "absent"), [("cld_abcd1234_good", SCIENCE + SETTINGS), (None, SCIENCE)])
def test_the_client_needs_httpx_alone(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str | None, absent: list[str]
) -> None:
    """But for the settings, which say where a token is when none is given."""
    monkeypatch.setenv("CLOUDIFY_TOKEN", "cld_abcd1234_good")
    script = tmp_path / "script.py"
    script.write_text(NEEDS_ONLY_HTTPX.format(url=url, token=token, absent=absent))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.stdout, done.returncode) == ("[2]\n", 0), done.stderr
