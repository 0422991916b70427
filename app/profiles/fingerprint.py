"""Fingerprints: the digests by which a plan knows later which fields of a profile were written.

They are the same for a profile in memory and for the same one after it was stored: PostgreSQL writes some numbers
differently from Python.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import orjson

from app.merging.profile import Profile
from app.profiles.snapshots import profile_to_snapshot
from schemas.json_values import dump_json

#: Columns without a digest: they never change, or are computed from others, or contain when and how often something was
#: merged, which a merge of the plan itself changes.
LEFT_OUT = frozenset(
    {
        "workspace_id",
        "id",
        "braze_id",
        "created_at",
        "random_bucket",
        "updated_at",
        "absorbed_on",
        "absorbed_count",
        "email_key",
        "phone_e164",
    }
)
#: Bytes of a digest: enough that two values of one field differ.
SIZE = 6
#: The columns of mappings that can have fractions. The numbers of all others are counts, written the same way by all.
WITH_FRACTIONS = frozenset({"custom_attributes", "current_location"})
#: A number in JSON that is not written the same way by all: with an exponent, with many digits, or around zero.
UNEVEN_NUMBER = re.compile(
    rb"(?:^|\":|[,\[])(?:-?(?:[0-9]+(?:\.[0-9]+)?[eE]|[0-9]*\.?[0-9]{16}|0\.0000)|-0)",
)
#: The bounds of numbers that are written with all digits and without an exponent.
LEAST, LARGEST = 1e-4, 1e16


def digest_fields(profile: Profile) -> dict[str, str]:
    """Return the digest of each field of *profile* that has a value."""
    return {
        name: blake2b(_to_text(name, value), digest_size=SIZE).hexdigest()
        for name, value in profile_to_snapshot(profile).items()
        if name not in LEFT_OUT
    }


def changed_fields(before: Mapping[str, str], profile: Profile) -> list[str]:
    """Return the fields of *profile* whose digests are not those of *before*, by name."""
    now = digest_fields(profile)
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def _to_text(name: str, value: Any) -> bytes:
    """Return *value* as text, another one for each value of the field *name*."""
    # Most values of a profile are scalars: they need no JSON.
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, int):
        return b"%d" % value
    if isinstance(value, datetime):
        return str(value.timestamp()).encode()
    if isinstance(value, date):
        return value.isoformat().encode()
    try:
        text = dump_json(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        # An integer beyond 64 bits, which PostgreSQL made of a float.
        text = b""
    if not text or (name in WITH_FRACTIONS and UNEVEN_NUMBER.search(text)):
        text = dump_json(_with_even_numbers(value), option=orjson.OPT_SORT_KEYS)
    return text


def _with_even_numbers(value: Any) -> Any:
    """Return *value* with each number in one form: a very large or small one as text, and no negative zero."""
    match value:
        case dict():
            return {key: _with_even_numbers(each) for key, each in value.items()}
        case list() | tuple():
            return [_with_even_numbers(each) for each in value]
        case int() | float() if not isinstance(value, bool):
            if value == 0 or LEAST <= abs(value) < LARGEST:
                return value or abs(value)
            return str(Decimal(str(value)).normalize())
        case _:
            return value
