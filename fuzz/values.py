"""Hostile values: values of JSON that no field expects, and values at the limits of a field."""

import copy
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

#: Text that other interpreters could execute: SQL, formats, templates, paths, headers, terminals.
SPEAKING = (
    "'; DROP TABLE profile; --",
    "' OR 1=1 --",
    "\\'; SELECT pg_sleep(5); --",
    "$$; SELECT 1; $$",
    "%s %(workspace_id)s %n %d {0} {x!r} ${HOME}",
    "{{7*7}} <%= 7*7 %> #{7*7}",
    "<script>alert(1)</script>",
    "../../../../etc/passwd",
    "x\r\nSet-Cookie: a=b",
    "\x1b[31m\x07\x08",
    "{1,2} {} [1:2]={3} NULL",
    "\\N \\x00 \\u0000 \\",
    "@>? && || -> ->> #>",
    '"a"."b" "',
    "1e400",
    "0x1F",
    "-0",
    "true",
)
#: Text that is hard to store: limits of Unicode planes, combining marks, directions, text that case folding lengthens.
WRITTEN = (
    "",
    " ",
    "\t\n\v\f\r",
    "\x00",
    "a\x00b",
    "\x01\x1f\x7f\x80\x9f",
    "\ud800",
    "\udfff x",
    "\udc00\ud800",
    "\ufffe\uffff\ufeff",
    "\U0010ffff",
    "\N{ZERO WIDTH JOINER}\N{RIGHT-TO-LEFT OVERRIDE}\N{ZERO WIDTH SPACE}",
    "\N{WOMAN}\N{EMOJI MODIFIER FITZPATRICK TYPE-5}\N{ZERO WIDTH JOINER}\N{PERSONAL COMPUTER}",
    "ẞßİıſﬃΣς",
    "e" + "\u0301" * 300,
    "٣١",
    "١٢٣@٤٥٦.٧٨",
    "\N{NO-BREAK SPACE}\N{EM SPACE}\N{IDEOGRAPHIC SPACE}",
    "null",
    "undefined",
    "[object Object]",
    "NaN",
    "$time",
    "$add",
    "a.b.c",
    "__proto__",
)
MOMENTS = (
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-23:59",
    "1900-01-01T00:00:00+23:59",
    "1899-12-31T23:59:59Z",
    "3000-12-31T23:59:59.999Z",
    "3001-01-01",
    "2026-02-29T00:00:00Z",
    "2026-12-31T23:59:60Z",
    "2026-05-01T24:00:00Z",
    "2026-W18-5",
    "2026-121",
    "20260501T080000Z",
    "2026-05-01 08:00:00:000 +0000",
    "05/01/2026",
    "99/99/9999",
    "-0001-01-01T00:00:00Z",
    "1815-12-10",
    "infinity",
    "now",
    "epoch",
    "2026-05-01T08:00:00.123456789123456789Z",
    "2026-05-01T08:00:00+99:99",
    "2026-05-01T08:00:00 UTC UTC",
    "٢٠٢٦-05-01",
)
ADDRESSES = (
    "a@b.co",
    "İ@example.com",
    "  ADA@EXAMPLE.COM  ",
    "a@" + "b." * 150 + "c",
    "x" * 300 + "@example.com",
    "a@b@c.de",
    "@.",
    "+1 (415) 555-0123",
    "tel:+1-415-555-0123;ext=9",
    "+" + "9" * 250,
    "+0",
    "0",
    "++1",
    "+٤٩١٥١",
    "+14155550123;phone-context=+1",
)
PATTERNS = ("(a+)+$", "(", "[", "\\", "(?<=a)b", "a{1,32767}", "(((((((((a*)*)*)*)*)*)*)*)*", "(.)\\1{50}", "[[:bad:]]")
NUMBERS = (
    0,
    -0.0,
    -1,
    1,
    0.1,
    1.5,
    75,
    76,
    100,
    101,
    2**31 - 1,
    2**31,
    -(2**31) - 1,
    2**53 - 1,
    2**53 + 1,
    2**63 - 1,
    -(2**63),
    2**63,
    2**64 - 1,
    2**64,
    10**40,
    -(10**40),
    1e15,
    1e16,
    1e-300,
    5e-324,
    1.7976931348623157e308,
    -1.7976931348623157e308,
    90_071_992_547_409.91,
    -90_071_992_547_409.91,
    90_071_992_547_409.92,
    0.005,
    -0.005,
    1e-7,
)
#: Python's json module writes invalid JSON for these; the API must reject it.
NO_NUMBERS = (float("nan"), float("inf"), float("-inf"))
#: Lengths at the limits of texts, aliases, external_ids and addresses, and beyond all of them.
LENGTHS = (1, 8, 64, 236, 237, 255, 256, 320, 321, 987, 988, 1_000, 32_764, 100_000, 100_001)
UNITS = ("a", "é", "\N{GRINNING FACE}", "'", "\\", "%", "ẞ", " ", "0")
#: Cursors of the right length with numbers and times at the ends of their ranges, and cursors of a wrong length.
CURSORS = (
    "A" * 22,
    "_" * 21 + "w",
    "AAAAAAAAAAA",
    "f_________8",
    "__________8",
    "f_________8Af_________8",
    "gAAAAAAAAAAAgAAAAAAAAAA",
    "__________8A__________8",
    "A" * 43 + "=",
    "_" * 42 + "8=",
    "====",
    "A" * 4_000,
)
#: Values of a parameter at the ends of the ranges of times, numbers, ids and cursors, and text that cannot be stored.
EDGES = (
    *MOMENTS,
    *(moment.replace("Z", zone) for moment in MOMENTS[2:3] + MOMENTS[:1] for zone in ("-00:01", "+23:59", "-23:59")),
    "0000-01-01T00:00:00Z",
    "10000-01-01T00:00:00Z",
    "9999-12-31T24:00:00Z",
    "2026-01-01T00:00:00+24:00",
    "2026-01-01T00:00:00-23:59:59.999999",
    "2026-01-01T00:00:00 00:00",
    *map(str, (2**31, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**40, "9" * 5_000, "-" + "9" * 5_000)),
    *("0", "-0", "-1", "1.0", "1e400", "nan", "inf", "-inf", "0x10", "1_0", " 1 ", "٣"),
    *("", " ", "\x00", "a\x00b", "\ud800", "\udcff", "\x85", "\u2028", "\x1b[31m", "\r\nX: y", "\U0010ffff"),
    "[" * 2_000,
    '{"a":' * 500,
    "a" * 2_500,
    *(f"{each * 8}-{each * 4}-{each * 4}-{each * 4}-{each * 12}" for each in "0f"),
    "f" * 24,
    *CURSORS,
)
#: Numbers of elements at the limits of arrays, and the maximum number of characters of a repeated value.
COUNTS = (0, 2, 50, 51, 75, 76, 100, 101, 257, 500, 501)
MOST_REPEATED = 1_000_000


def text(rng: Random) -> str:
    """Return a hostile text."""
    pool = rng.choice((SPEAKING, WRITTEN, MOMENTS, ADDRESSES, PATTERNS))
    return rng.choice((rng.choice(pool), rng.choice(pool), long_text(rng)))


def long_text(rng: Random) -> str:
    """Return a text with a length at a limit, in characters or in bytes."""
    unit, length = rng.choice(UNITS), rng.choice(LENGTHS)
    if rng.random() < 0.5:
        length = max(1, length // len(unit.encode()))
    return unit * length


def number(rng: Random) -> Any:
    """Return a hostile number."""
    return rng.choice(NO_NUMBERS) if rng.random() < 0.1 else rng.choice(NUMBERS)


def nest(rng: Random, inner: Any = 1) -> Any:
    """Return *inner* nested in arrays and objects, with a depth near a limit."""
    for _ in range(rng.choice((1, 3, 7, 9, 30, 32, 33, 60, 90))):
        inner = [inner] if rng.random() < 0.5 else {rng.choice(("a", "AND", "$add", "")): inner}
    return inner


def array(rng: Random) -> list[Any]:
    """Return an array of equal values, with a length near a limit."""
    return repeated(value(rng, depth=1), rng.choice(COUNTS))


def repeated(element: Any, count: int) -> list[Any]:
    """Return *element* repeated, up to the maximum size of a body."""
    count = min(count, MOST_REPEATED // (len(repr(element)) + 1))
    return [copy.deepcopy(element) for _ in range(count)]


def mapping(rng: Random) -> dict[str, Any]:
    """Return an object with hostile keys."""
    if rng.random() < 0.2:
        return {f"k{each}": each for each in range(rng.choice(COUNTS))}
    return {text(rng): value(rng, depth=1) for _ in range(rng.randint(0, 4))}


KINDS: Sequence[Callable[[Random], Any]] = (
    text,
    text,
    text,
    number,
    number,
    lambda rng: rng.choice((None, True, False)),
    array,
    mapping,
    nest,
    lambda rng: rng.choice(MOMENTS),
    lambda rng: rng.choice(ADDRESSES),
    lambda rng: rng.choice(([], {}, [[]], [{}], {"": {}}, [None], [[], {}])),
    lambda rng: rng.choice(({"inc": number(rng)}, {"add": [number(rng)]}, {"$time": text(rng)}, {"$add": [{}]})),
    lambda rng: rng.choice(({"$remove": [{"$identifier_key": text(rng), "$identifier_value": value(rng, depth=1)}]},)),
)


def value(rng: Random, *, depth: int = 0) -> Any:
    """Return a hostile value. A value within another one is simple."""
    return rng.choice(KINDS[:6] if depth else KINDS)(rng)
