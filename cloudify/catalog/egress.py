"""Which hosts a catalog from elsewhere may have us read from: public ones, and those that the operator allows.

Without it a catalog on the web could publish, through this server, what only this machine can reach.
"""

import socket
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_SIX_TO_FOUR = IPv6Network("2002::/16")
_COMPATIBLE = IPv6Network("::/96")
_NEVER = (IPv6Network("fec0::/10"), IPv4Network("192.88.99.0/24"))
"""Site-local addresses and the relays of 6to4, which Python takes for global ones."""


def is_allowed(host: str, networks: tuple[Network, ...]) -> bool:
    """Whether every address of a host is public, or in one of the networks. Blocks: it asks the resolver."""
    try:
        found = _addresses(host.rstrip("."))
    except (OSError, UnicodeError):
        return False
    return bool(found) and all(
        is_public(address) or any(address in network for network in networks) for address in found
    )


def is_public(address: Address) -> bool:
    """Whether an address is one of the public network, the inner one where it wraps another.

    >>> is_public(ip_address("93.184.216.34")), is_public(ip_address("64:ff9b::7f00:1"))
    (True, False)
    """
    inner = _inner(address)
    return (
        inner.is_global
        and not inner.is_multicast
        and not inner.is_reserved
        and not any(inner.version == network.version and inner in network for network in _NEVER)
    )


def parse_networks(text: str) -> tuple[Network, ...]:
    """Read networks, separated by commas.

    Raises
    ------
    ValueError
        If one is none.
    """
    return tuple(ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())


@lru_cache(maxsize=1024)
def _addresses(host: str) -> tuple[Address, ...]:
    answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple({ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers})


def _inner(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for (RFC 4291, 3056, 6052), else the address."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _SIX_TO_FOUR:
        return IPv4Address((int(address) >> 80) & 0xFFFFFFFF)
    if any(address in network for network in _NAT64) or (address in _COMPATIBLE and int(address) > 1):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
