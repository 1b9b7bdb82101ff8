"""Requests that are nearly right: a valid key, changed in one to three ways."""

import re
from collections.abc import Callable, Sequence
from random import Random
from urllib.parse import quote

from benchmarks.keys import Known
from benchmarks.wire import Request

METHODS = ("GET",) * 12 + ("HEAD",) * 4 + ("OPTIONS", "POST", "PUT", "DELETE")
ACCEPTS = (
    "*/*",
    "application/json",
    "text/html,application/xhtml+xml;q=0.9",
    "application/problem+json",
    "",
    "no/such, ;q=x",
)
RANGES = (
    "bytes=0-9",
    "bytes=-5",
    "bytes=7-",
    "bytes=99999999-",
    "bytes=9-2",
    "bytes=0-0,5-6",
    "lines=1-2",
    "bytes=-0",
    "",
)
QUERIES = ("", "?", "?f=json", "?f=html", "?f=%00", "?key=zarr.json", "?/c/0/0/0", "?x/0.0", "?a=1&a=2&=")
PARENTS = ("..", "%2e%2e", "%2e%2e%2f", "%252e%252e%252f", "..%2f..%2fetc%2fpasswd", "..%5c", "....//", ".", "%2e")
ODD_TEXTS = (
    "%00",
    "%0a",
    "%0d%0a",
    "%20",
    "%",
    "%zz",
    "%2",
    "\\",
    "~",
    "*",
    ":",
    ";",
    "&",
    "%c0%ae",
    "%ff",
    "%ED%A0%80",
)
LETTERS = "\u0660\u0661\uff10\uff11\u00b2\u2460\u202e\u200b\u0301\u00e9\U0001d7d8\U0001f30d\u212a"
"""Digits of other scripts and their like, which `int` or a careless pattern takes for ours."""
LONG = (300, 4_096, 5_000, 20_000, 60_000, 70_000)
Mutation = Callable[[Random, str], str]
_NUMBER = re.compile(r"\d+")


def random_request(random: Random, known: Known) -> Request:
    """Return a request for a key, as it is or changed."""
    target = random.choice(list(known.answers))
    etag = known.answers[target].headers.get("etag", "")
    if _chance(random, 0.8):
        for _ in range(random.randint(1, 3)):
            target = random.choice(MUTATIONS)(random, target)
    if _chance(random, 0.1):
        target += random.choice(QUERIES)
    method = random.choice(METHODS)
    body = random.randbytes(random.randint(0, 64)) if method in {"POST", "PUT"} else b""
    return Request(method, target, _headers(random, etag), body)


def _headers(random: Random, etag: str) -> dict[str, str]:
    tags = (
        etag,
        f"W/{etag}",
        "*",
        f'"a", {etag}',
        '"other"',
        etag.strip('"'),
        '"' * 50,
        "",
        random.randbytes(8).hex() * 200,
    )
    headers: dict[str, str] = {}
    for name, values in (("If-None-Match", tags), ("Range", RANGES), ("Accept", ACCEPTS)):
        if _chance(random, 0.2):
            headers[name] = random.choice(values)
    return headers


def change_digit(random: Random, target: str) -> str:
    """Put another digit in the place of one."""
    return _change_number(random, target, lambda text: _replace_at(random, text, random.choice("0123456789")))


def lead_with(random: Random, target: str) -> str:
    """Put zeros or a sign before a number."""
    prefix = random.choice(("0", "00", "0" * 5_000, "+", "-", "%2B", "%2D", "%20", "_", "0x", "0b"))
    return _change_number(random, target, lambda text: prefix + text)


def end_with(random: Random, target: str) -> str:
    """Put something after a number that some parsers of numbers allow."""
    suffix = random.choice((".0", "e0", "_0", "L", "%20", "%0a", "j", ",", "0" * 40))
    return _change_number(random, target, lambda text: text + suffix)


def change_rank(random: Random, target: str) -> str:
    """Drop a part, double one, or add one."""
    parts = target.split("/")
    i = random.randrange(1, len(parts))
    parts[i : i + 1] = random.choice(([], [parts[i]] * 2, [parts[i], "0"]))
    return "/".join(parts) if len(parts) > 1 else "/"


def add_separator(random: Random, target: str) -> str:
    """Put a separator somewhere."""
    return _insert(random, target, random.choice(("/", ".", "//", "%2f", "%2F", "%2e", "/./", "c/")))


def add_parent(random: Random, target: str) -> str:
    """Put a step to the parent folder before some part."""
    parts = target.split("/")
    parts.insert(random.randrange(1, len(parts) + 1), random.choice(PARENTS))
    return "/".join(parts)


def add_odd_text(random: Random, target: str) -> str:
    """Put something somewhere that parsers of URLs disagree about."""
    return _insert(random, target, random.choice(ODD_TEXTS))


def add_letter(random: Random, target: str) -> str:
    """Put a letter of another script somewhere, percent-encoded or raw."""
    letter = random.choice(LETTERS)
    return _insert(random, target, quote(letter) if _chance(random, 0.7) else letter.encode().decode("latin-1"))


def add_bytes(random: Random, target: str) -> str:
    """Put random bytes somewhere, percent-encoded or raw."""
    data = random.randbytes(random.randint(1, 12))
    encoded = "".join(f"%{byte:02x}" for byte in data)
    return _insert(random, target, encoded if _chance(random, 0.8) else data.decode("latin-1"))


def lengthen(random: Random, target: str) -> str:
    """Make it very long, in a way that slow patterns suffer from."""
    unit = random.choice(("0", "a", "/", "/0", ".0", "/c", "%00", "9"))
    return _insert(random, target, unit * (random.choice(LONG) // len(unit)))


def encode_letter(random: Random, target: str) -> str:
    """Percent-encode a character: the same path, so the same answer."""
    i = random.randrange(1, len(target)) if len(target) > 1 else 0
    if i == 0 or target[i] in "%?#" or "%" in target[max(0, i - 2) : i]:
        return target
    return f"{target[:i]}%{ord(target[i]):02x}{target[i + 1 :]}"


def cut(random: Random, target: str) -> str:
    """Cut the end off."""
    return target[: random.randrange(1, len(target) + 1)]


def swap_case(random: Random, target: str) -> str:
    """Swap the case of a character."""
    i = random.randrange(len(target))
    return target[:i] + (target[i].swapcase() if target[i].isascii() else target[i]) + target[i + 1 :]


MUTATIONS: Sequence[Mutation] = (
    change_digit, change_digit, lead_with, lead_with, end_with, change_rank, change_rank, add_separator, add_parent,
    add_parent, add_odd_text, add_letter, add_bytes, lengthen, encode_letter, cut, swap_case,
)  # fmt: skip


def _chance(random: Random, probability: float) -> bool:
    return random.random() < probability


def _change_number(random: Random, target: str, change: Callable[[str], str]) -> str:
    """Change a number of the key; those of the dataset's id come first and are changed less often."""
    found = list(_NUMBER.finditer(target))
    if not found:
        return target
    match = random.choice(found[-3:]) if _chance(random, 0.9) else random.choice(found)
    return target[: match.start()] + change(match[0]) + target[match.end() :]


def _replace_at(random: Random, text: str, character: str) -> str:
    i = random.randrange(len(text))
    return text[:i] + character + text[i + 1 :]


def _insert(random: Random, target: str, text: str) -> str:
    """Put text somewhere behind the first slash, mostly in the key."""
    key = target.find("/zarr/") + 6 if "/zarr/" in target and _chance(random, 0.8) else 1
    i = random.randint(min(key, len(target)), len(target))
    return target[:i] + text + target[i:]
