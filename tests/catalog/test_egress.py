"""Which hosts a catalog from elsewhere may name (security.md, 8.1)."""

from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

import pytest

from cloudify.catalog import egress
from cloudify.catalog.base import Base
from cloudify.catalog.egress import is_allowed, is_public, parse_networks
from cloudify.catalog.unfit import UnfitError

REFUSED = [
    "http://127.0.0.1/", "http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/",
    "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://0.0.0.0/", "http://169.254.169.254/", "http://localhost./",
    "http://100.64.0.1/", "http://[fe80::1]/", "http://[64:ff9b::7f00:1]/", "http://[64:ff9b:1::7f00:1]/",
    "http://[2002:7f00:1::]/", "http://[::127.0.0.1]/", "http://224.0.0.1/", "http://[ff02::1]/", "http://[fec0::1]/",
    "http://192.88.99.1/", "http://10.0.0.1/", "http://a@127.0.0.1/", "http://192.0.2.1@127.0.0.1/",
    "file:///etc/passwd", "gopher://x/", "http:///x",
]  # fmt: skip


@pytest.mark.parametrize("url", REFUSED)
def test_a_catalog_from_elsewhere_may_not_name(url: str) -> None:
    with pytest.raises(UnfitError):
        Base("https://example.org/c.json").resolve(url)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"]
)
def test_a_public_address_is_public(address: str) -> None:
    assert is_public(ip_address(address))
    assert is_allowed("93.184.216.34", ())


def test_networks_can_be_allowed() -> None:
    networks = parse_networks("10.0.0.0/8, 127.0.0.1")
    assert networks == (ip_network("10.0.0.0/8"), ip_network("127.0.0.1"))
    assert is_allowed("127.0.0.1", networks)
    assert not is_allowed("127.0.0.2", networks)
    with pytest.raises(ValueError, match="does not appear to be"):
        parse_networks("everywhere")


def test_one_bad_address_among_good_ones_refuses_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(host: str, *_: Any, **__: Any) -> list[Any]:
        return [(0, 0, 0, "", (address, 0)) for address in {"two.example": ("93.184.216.34", "10.0.0.1"),
                "good.example": ("93.184.216.34",)}[host]]  # fmt: skip

    egress._addresses.cache_clear()
    monkeypatch.setattr(egress.socket, "getaddrinfo", resolve)
    assert is_allowed("good.example.", ())
    assert not is_allowed("two.example", ())
    egress._addresses.cache_clear()


def test_a_name_that_no_resolver_knows_is_refused() -> None:
    assert not is_allowed("no-such-host.invalid", ())
    assert not is_allowed("a" * 300, ())


def test_its_own_origin_and_nothing_else_needs_no_permission() -> None:
    base = Base("http://127.0.0.1:8000/set/c.json")
    assert base.resolve("../x.zarr") == "http://127.0.0.1:8000/x.zarr"
    assert base.resolve("/etc/passwd") == "http://127.0.0.1:8000/etc/passwd"
    assert base.resolve("s3://bucket/x") == "s3://bucket/x"
    for other in ("http://127.0.0.1:8001/x", "https://127.0.0.1:8000/x", "//127.0.0.1/x"):
        with pytest.raises(UnfitError, match="public network"):
            base.resolve(other)
    assert urlsplit(Base("http://127.0.0.1/c").resolve("http://127.0.0.1:80/x")).port == 80


@pytest.mark.parametrize(
    ("options", "href"),
    [
        ({"headers": {"a": "b"}}, "https://example.org/x"), ({"access_key_id": "x"}, "s3://b/x"),
        ({"roots": ["/etc"]}, "https://example.org/x"), ({"anonymous": True, "endpoint_url": "http://127.0.0.1/"}, "s3://b/x"),
        ({"endpoint_url": "file:///x"}, "s3://b/x"),
    ],
)  # fmt: skip
def test_it_says_nothing_about_keys_headers_and_roots(options: dict[str, object], href: str) -> None:
    with pytest.raises(UnfitError):
        Base("https://example.org/c.json").options(options, href)


def test_what_it_names_in_s3_is_read_unsigned() -> None:
    base = Base("https://example.org/c.json")
    given = {"anonymous": False, "region": "eu", "endpoint_url": "http://93.184.216.34/"}
    assert base.options(given, "s3://b/x") == given | {"anonymous": True}
    assert base.options({"group": "g"}, "https://example.org/x") == {"group": "g"}
