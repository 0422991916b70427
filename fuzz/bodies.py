"""Valid bodies made invalid: by changes of their structure, which keep them JSON, and by changes of their bytes."""

import copy
import gzip
import json  # noqa: TID251  sends what orjson refuses to write: NaN, lone surrogates, huge numbers
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from fuzz import values

#: Bytes of the largest body that is sent: a little more than the limit.
MOST = 4_300_000
#: Known keys of some endpoint, for objects of other endpoints.
KEYS = (
    "external_id",
    "user_alias",
    "alias_name",
    "alias_label",
    "email",
    "phone",
    "braze_id",
    "device_id",
    "prioritization",
    "identifier_to_merge",
    "identifier_to_keep",
    "merge_updates",
    "attributes",
    "events",
    "purchase",
    "properties",
    "time",
    "dob",
    "devices",
    "push_tokens",
    "current_location",
    "control_group",
    "marked_for_deletion_at",
    "email_encrypted",
    "_update_existing_only",
    "_merge_objects",
    "inc",
    "$add",
    "$time",
    "filter",
    "limit",
    "cursor",
    "days",
    "value",
    "comparison",
    "AND",
    "id",
    "workspace_id",
    "updated_at",
)

#: A place in a tree: the container, and the key or index in it.
Place = tuple[Any, Any]


def places(tree: Any) -> list[Place]:
    """Return every place in *tree*, containers before their elements."""
    found: list[Place] = []
    level = [tree]
    while level:
        below: list[Any] = []
        for node in level:
            keys: Sequence[Any] = list(node) if isinstance(node, dict) else range(len(node))
            found += [(node, key) for key in keys]
            below += [node[key] for key in keys if isinstance(node[key], dict | list)]
        level = below
    return found


def mutated(tree: Any, rng: Random) -> Any:
    """Return *tree* with one to four changes that make it invalid or reach a limit."""
    whole = [copy.deepcopy(tree)]
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        rng.choice(MUTATIONS)(whole, rng)
    return whole[0]


def _any_place(whole: list[Any], rng: Random) -> Place:
    """Return a place in the only element of *whole*, rarely that element itself."""
    found = places(whole)
    return found[0] if len(found) == 1 or rng.random() < 0.03 else rng.choice(found[1:])


def _replace(whole: list[Any], rng: Random) -> None:
    """Replace a value by a hostile one."""
    node, key = _any_place(whole, rng)
    node[key] = values.value(rng)


def _remove(whole: list[Any], rng: Random) -> None:
    """Remove a value."""
    node, key = _any_place(whole, rng)
    if node is whole:
        node[key] = {}
    else:
        del node[key]


def _add(whole: list[Any], rng: Random) -> None:
    """Insert a value in an unexpected place."""
    objects = [node[key] for node, key in places(whole) if isinstance(node[key], dict)]
    if objects:
        rng.choice(objects)[rng.choice(KEYS) if rng.random() < 0.7 else values.text(rng)] = values.value(rng)


def _rename(whole: list[Any], rng: Random) -> None:
    """Rename a key."""
    inside = [(node, key) for node, key in places(whole) if isinstance(node, dict)]
    if inside:
        node, key = rng.choice(inside)
        node[rng.choice(KEYS) if rng.random() < 0.5 else values.text(rng)] = node.pop(key)


def _repeat(whole: list[Any], rng: Random) -> None:
    """Make an array longer by repeating an element, up to the limits of arrays."""
    inside = [(node, key) for node, key in places(whole) if isinstance(node, list) and node is not whole]
    if inside:
        node, key = rng.choice(inside)
        node.extend(values.repeated(node[key], rng.choice(values.COUNTS) - len(node)))


def _swap(whole: list[Any], rng: Random) -> None:
    """Replace a part by a copy of another."""
    node, key = _any_place(whole, rng)
    other, place = _any_place(whole, rng)
    node[key] = copy.deepcopy(other[place])


def _wrap(whole: list[Any], rng: Random) -> None:
    """Nest a value in arrays and objects."""
    node, key = _any_place(whole, rng)
    node[key] = values.nest(rng, node[key])


MUTATIONS: Sequence[Callable[[list[Any], Random], None]] = (
    _replace,
    _replace,
    _replace,
    _replace,
    _remove,
    _add,
    _add,
    _rename,
    _repeat,
    _swap,
    _wrap,
)


def encoded(tree: Any, rng: Random) -> bytes:
    """Return *tree* as JSON or almost JSON, in UTF-8 or almost UTF-8."""
    text = json.dumps(tree, ensure_ascii=rng.random() < 0.6)
    return text.encode("utf-8", "surrogatepass")[:MOST]


def spoiled(data: bytes, rng: Random) -> bytes:
    """Return *data* with changed bytes."""
    return rng.choice(SPOILS)(data, rng)[:MOST]


def _cut(data: bytes, rng: Random) -> bytes:
    """Truncate the bytes."""
    return data[: rng.randrange(len(data) + 1)]


def _flip(data: bytes, rng: Random) -> bytes:
    """Change some bits."""
    changed = bytearray(data or b"{")
    for _ in range(rng.randint(1, 8)):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _insert(data: bytes, rng: Random) -> bytes:
    """Insert bytes that are not UTF-8, or not JSON."""
    place = rng.randrange(len(data) + 1)
    return data[:place] + rng.choice(ALIENS) + data[place:]


def _into_a_string(data: bytes, rng: Random) -> bytes:
    """Insert bytes into a string, where JSON allows more."""
    quotes = [place for place, byte in enumerate(data) if byte == ord('"')]
    place = rng.choice(quotes) + 1 if quotes else 0
    return data[:place] + rng.choice(ALIENS) + data[place:]


def _twice(data: bytes, rng: Random) -> bytes:
    """Repeat a key with another value."""
    pair = b'"%s":%s,' % (rng.choice(KEYS).encode(), encoded(values.value(rng, depth=1), rng))
    braces = [place for place, byte in enumerate(data) if byte == ord("{")]
    place = rng.choice(braces) + 1 if braces else 0
    return data[:place] + pair * rng.choice((1, 2, 300)) + data[place:]


def _numbers(data: bytes, rng: Random) -> bytes:
    """Write a number in an invalid form."""
    digits = [place for place, byte in enumerate(data) if chr(byte).isdigit() and byte < ord(":")]
    if not digits:
        return data + rng.choice(ODD_NUMBERS)
    place = rng.choice(digits)
    return data[:place] + rng.choice(ODD_NUMBERS) + data[place + 1 :]


ODD_NUMBERS = (
    b"1e400",
    b"-1e400",
    b"9" * 5_000,
    b"0." + b"1" * 5_000,
    b"NaN",
    b"-Infinity",
    b"01",
    b"+1",
    b".5",
    b"0x1",
)
#: Incomplete and overlong UTF-8 characters, surrogates, byte order marks, and text that is not JSON.
ALIENS = (
    b"\x80",
    b"\xff\xfe",
    b"\xc0\xaf",
    b"\xe2\x82",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\xef\xbb\xbf",
    b"\x00",
    b"\\u0000",
    b"\\ud800",
    b"\\udc00\\ud800",
    b"\\x41",
    b"\\",
    b"\n",
    b"/* */",
    b"//\n",
    b",",
    b"'",
    b"[" * 500,
    b'{"a":' * 100,
    b"\xa0",
    b"1e5",
)
SPOILS: Sequence[Callable[[bytes, Random], bytes]] = (
    _cut,
    _flip,
    _insert,
    _into_a_string,
    _into_a_string,
    _twice,
    _numbers,
    lambda data, _: data.decode("utf-8", "replace").encode("utf-16"),
    lambda data, _: data.decode("utf-8", "replace").encode("utf-32-be"),
    lambda data, _: data.decode("utf-8", "replace").encode("cp037", "replace"),
    lambda data, _: gzip.compress(data, mtime=0),
    lambda data, _: data + data,
    lambda data, rng: b" " * rng.choice((1, 70_000)) + data,
    lambda _, rng: rng.randbytes(rng.choice((1, 40, 4_000))),
    lambda _, rng: rng.choice((b"", b"null", b"[]", b"[{}]", b"7", b'"x"', b"true", b"{}", b"[" * 200_000)),
    lambda data, rng: data + b" " * (rng.choice((4_194_303, 4_194_304, 4_194_305, *[70_000] * 30)) - len(data)),
)
