"""Hostile requests. The request with a given seed and number is always the same."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

from fuzz import values
from fuzz.bodies import encoded, mutated, spoiled
from fuzz.endpoints import ENDPOINTS, Endpoint, any_body, weight_of
from fuzz.names import SPELL, Names

Headers = tuple[tuple[str, str], ...]

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "CONNECT", "PROPFIND", "get", "PÖST")
TYPES = (
    "application/json",
    "application/x-ndjson",
    "application/json; charset=utf-8",
    "application/json; charset=utf-16",
    "application/vnd.api+json",
    'application/json; charset="\x80',
    "APPLICATION/JSON",
    "text/plain",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "application/x-www-form-urlencoded",
    "application/json, text/html",
    ";;;=",
    "",
    "a" * 4_000,
)
#: Headers that some code reads, with unexpected values. No value requests a wait, because no worker runs meanwhile.
HEADERS: Mapping[str, Sequence[str]] = {
    "Idempotency-Key": (
        "",
        " ",
        "k" * 255,
        "k" * 256,
        "a b",
        "clé",
        "\x01",
        "'; --",
        "%s",
        "fixed",
        "fixed",
        "\xff" * 9,
    ),
    "Prefer": (
        "wait=0",
        "wait",
        "wait=-1",
        "wait=1e1",
        "wait=" + "9" * 400,
        "wait=٣",
        "respond-async, wait=0",
        ",,,;;=",
    ),
    "If-None-Match": ("*", '"x"', 'W/"', '"' * 100, "\x80", ",".join(['"x"'] * 900)),
    "If-Modified-Since": ("Thu, 01 Jan 0000 00:00:00 GMT", "now", "0", "Sun, 31 Dec 9999 23:59:60 +9999"),
    "Range": ("bytes=0-", "bytes=-1", "bytes=9-1", "bytes=0-0,0-0", "bytes=" + "9" * 200 + "-", "lines=1-2", "bytes="),
    "Accept": ("text/html", "", "*/*;q=\x80", "application/json;q=1e9", "," * 500),
    "Accept-Encoding": ("gzip", "identity;q=0", "br;q=\x80"),
    "X-Request-Id": ("x" * 128, "x" * 129, "a\tb", "\x80", "../..", ""),
    "Content-Encoding": ("gzip", "br", "identity", "gzip, gzip", "\x80"),
    "Transfer-Encoding": ("gzip", "identity", "\x80"),
    "Host": ("", "evil.example", "a:b:c", "[::1", "\x80", "x" * 3_000, "localhost:99999"),
    "X-Forwarded-For": ("127.0.0.1", "::1, x", "\x80"),
    "X-HTTP-Method-Override": ("DELETE", "\x80"),
    "Forwarded": ("for=127.0.0.1", "for=\x80"),
    "Cookie": ("session=x", "=;=;=", "a=" + "b" * 4_000, "\x80=\x80"),
    "Expect": ("100-continue", "200-ok"),
    "Connection": ("upgrade", "close, keep-alive", "\x80"),
    "Content-Length": ("-1", "+5", "1e3", "٣", "99999999999999999999", "0x10", ""),
    "Date": ("\x80",),
    "Origin": ("null", "https://evil.example", "\x80"),
}
#: Values of the Authorization header; the placeholder is replaced by a key with all permissions.
KEYS = (
    "",
    "Bearer",
    "Bearer ",
    "Bearer x",
    "Bearer {key}x",
    "Bearer {key} {key}",
    "Basic {key}",
    "{key}",
    "Bearer \x00",
    "Bearer \x80\xff",
    "Bearer ' OR 1=1 --",
    "Bearer " + "k" * 7_000,
    "bearer   {key}",
    "\tBearer {key}",
    "Digest username=\x80",
)
KEY = "Bearer {key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request. `{key}` in headers and placeholders such as `{job_id}` in URLs are replaced when it is sent."""

    number: int
    rule: str
    method: str
    #: Escaped, without the query.
    path: str
    query: str = ""
    #: Names and values in characters of Latin-1.
    headers: Headers = ()
    body: bytes | None = None
    #: The value of the body, or None if its bytes were changed.
    tree: Any = None
    #: Whether the body is sent in chunks, without a Content-Length.
    chunked: bool = False
    #: Selects one of the known ids.
    pick: int = 0


def make(seed: str, number: int) -> Request:
    """Return the request *number* of *seed*."""
    rng = Random(f"{seed} {number}")
    names = Names(rng, number // SPELL)
    endpoint = rng.choices(ENDPOINTS, [weight_of(each) for each in ENDPOINTS])[0]
    tree, body = _body(endpoint, names)
    headers = _headers(rng, media=None if body is None else endpoint.media)
    return Request(
        number=number,
        rule=endpoint.rule,
        method=endpoint.method if rng.random() < 0.97 else rng.choice(METHODS),
        path=_path(endpoint, rng),
        query=_query(endpoint, rng),
        headers=headers,
        body=body,
        tree=tree,
        chunked=body is not None and rng.random() < 0.04,
        pick=rng.randrange(10**6),
    )


def _body(endpoint: Endpoint, names: Names) -> tuple[Any, bytes | None]:
    """Return the value of a body, or None if its bytes were changed, and the body."""
    rng = names.rng
    sound = any_body(endpoint, names)
    if sound is None:
        return None, (rng.randbytes(9) if rng.random() < 0.03 else None)
    way = rng.random()
    if way < 0.12:
        return sound, encoded(sound, rng)
    if way < 0.78:
        tree = mutated(sound, rng)
        return tree, encoded(tree, rng)
    if way < 0.95:
        return None, spoiled(encoded(sound if rng.random() < 0.5 else mutated(sound, rng), rng), rng)
    tree = values.value(rng)
    return tree, encoded(tree, rng)


def _headers(rng: Random, *, media: str | None) -> Headers:
    """Return the headers, which are correct in most cases."""
    found: list[tuple[str, str]] = [("Authorization", rng.choice(KEYS) if rng.random() < 0.04 else KEY)]
    if media is not None:
        kind = rng.choice(TYPES) if rng.random() < 0.05 else media
        found.append(("Content-Type", kind))
    if rng.random() < 0.2:
        some = rng.sample(list(HEADERS), rng.choice((1, 1, 2, 5)))
        found += [(name, rng.choice(HEADERS[name])) for name in some]
    return tuple(found)


def _path(endpoint: Endpoint, rng: Random) -> str:
    """Return the path with known or hostile ids; sometimes a path that does not exist."""
    sound = {
        "<uuid:batch_id>": "{batch_id}",
        "<uuid:run_id>": "{run_id}",
        "<uuid:job_id>": "{job_id}",
        "<uuid:webhook_id>": "{webhook_id}",
        "<uuid:notice_id>": "{notice_id}",
        "<braze_id>": "{braze_id}",
        "<path:identifier>": rng.choice(("{braze_id}", "u-0-1")),
        "<name>": rng.choice(("start.js", "swagger-ui.css")),
    }
    path = endpoint.rule
    for part, known in sound.items():
        if part in path:
            path = path.replace(part, known if rng.random() < 0.7 else _part(rng))
    if rng.random() < 0.02:
        path = rng.choice(
            (path + "/", path + "//", "/" + path, path.upper(), path + "/%2e%2e", path + ";a=b", "/%ff", "*")
        )
    return path


def _part(rng: Random) -> str:
    """Return a part of a path that is not a known id."""
    odd: Sequence[Callable[[], str]] = (
        lambda: quote(values.text(rng).encode("utf-8", "surrogatepass")[:2_000], safe=""),
        lambda: rng.choice(("00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF")),
        lambda: rng.randbytes(12).hex(),
        lambda: "F" * 24,
        lambda: "%00",
        lambda: "%ed%a0%80",
        lambda: "..%2f..%2fetc%2fpasswd",
        lambda: "%",
    )
    return rng.choice(odd)()


def _query(endpoint: Endpoint, rng: Random) -> str:
    """Return the query: valid, with a wrong value or name, or empty."""
    if not endpoint.query:
        return "" if rng.random() < 0.97 else rng.choice(("a=b", "%", "&&&", "=", "%00=%ff"))
    pairs = dict(rng.choice(endpoint.query))
    if rng.random() < 0.6:
        name = rng.choice(
            [*pairs, "limit", "cursor", "state", "outcome", "identifier", "include", "days", "event", "x"]
        )
        pairs[name] = values.text(rng) if rng.random() < 0.7 else str(values.number(rng))
    items = list(pairs.items()) * (2 if rng.random() < 0.05 else 1)
    written = [(name, value.encode("utf-8", "surrogatepass")[:2_500]) for name, value in items]
    query = urlencode(written, safe="{}")
    return query + rng.choice(("", "", "", "", "&", "&%", "&%ff=%fe", "&limit", "#x"))
