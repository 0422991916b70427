"""Values of the members of a profile in an import, read exactly.

A reader raises ValidationError with a predicate, as the fields of requests do.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from marshmallow import ValidationError

from schemas.base import moment_text
from schemas.fields import MAX_TEXT, Moment, Switch, Text, truth_in

Json = Mapping[str, Any]
Reader = Callable[[Any], Any]

#: Sums of as many counts as a merge may add stay exact in every reader of JSON.
MAX_COUNT = 10**12
#: The bound of a profile's revenue, as in app/users/revenue.py.
MAX_CENTS = 2**53 - 1
MAX_BUCKET = 9_999
CENTS = 100
#: A moment as exports write it, in a year that requests accept.
CANONICAL = re.compile(r"(?:19|2\d)\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)

_MOMENT, _TEXT, _SWITCH = Moment(), Text(), Switch()
_NAME = Text(least=1)


def text(value: Any) -> str:
    """Return a text of at most MAX_TEXT characters."""
    if type(value) is str and len(value) <= MAX_TEXT:
        return value
    read: str = _TEXT.deserialize(value)
    return read


def name(value: Any) -> str:
    """Return a text that is not empty."""
    if type(value) is str and 0 < len(value) <= MAX_TEXT:
        return value
    read: str = _NAME.deserialize(value)
    return read


def truth(value: Any) -> bool:
    """Return true or false."""
    return value if type(value) is bool else bool(_SWITCH.deserialize(truth_in(value)))


def moment(value: Any) -> datetime:
    """Return a moment in UTC with whole milliseconds."""
    exact = _exact(value)
    if exact is not None:
        return exact
    loaded: datetime = _MOMENT.deserialize(value)
    return loaded


def moment_as_text(value: Any) -> str:
    """Return a moment as texts within a profile have it."""
    return str(value) if _exact(value) is not None else moment_text(moment(value))


def _exact(value: Any) -> datetime | None:
    """Return the moment *value* if it is in the form of our exports; this saves most of the time of reading it."""
    if type(value) is not str or not CANONICAL.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def count(value: Any) -> int:
    """Return a whole number from 0 to MAX_COUNT."""
    return whole(value, least=0, most=MAX_COUNT)


def bucket(value: Any) -> int:
    """Return a random bucket."""
    return whole(value, least=0, most=MAX_BUCKET)


def whole(value: Any, *, least: int, most: int) -> int:
    """Return a whole number from *least* to *most*; 2.0 is one."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or not least <= value <= most:
        raise ValidationError(f"must be a whole number from {least:,} to {most:,}")
    return value


def cents(value: Any) -> int:
    """Return an amount of units in whole cents."""
    if type(value) not in {int, float} or abs(value) * CENTS > MAX_CENTS:
        raise ValidationError("must be a number of at most two decimals in the range of revenues")
    return round(Decimal(str(value)) * CENTS)


def coordinates(value: Any) -> dict[str, float]:
    """Return a position of `[longitude, latitude]`."""
    sentence = "must be an array of a longitude and a latitude in degrees"
    if not isinstance(value, list) or [type(each) in {int, float} for each in value] != [True, True]:
        raise ValidationError(sentence)
    longitude, latitude = value
    if not (abs(longitude) <= 180 and abs(latitude) <= 90):  # noqa: PLR2004  degrees
        raise ValidationError(sentence)
    return {"longitude": longitude, "latitude": latitude}


def objects(value: Any) -> Sequence[Json]:
    """Return an array of objects."""
    if not isinstance(value, list):
        raise ValidationError("must be an array")
    for place, each in enumerate(value):
        if not isinstance(each, dict):
            raise ValidationError({str(place): ["must be an object"]})
    return value


def parts(entry: Json, readers: Mapping[str, Reader], *, required: Sequence[str] = ()) -> dict[str, Any]:
    """Return the members of *entry* that *readers* know, read; null is as absent."""
    read: dict[str, Any] = {}
    for part, reader in readers.items():
        value = entry.get(part)
        if value is None:
            if part in required:
                raise ValidationError({part: ["is required"]})
            continue
        try:
            read[part] = reader(value)
        except ValidationError as error:
            raise ValidationError({part: error.messages}) from None
    return read
