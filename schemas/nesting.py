"""Nested custom attributes, and properties of events and purchases, within the vendor's limits."""

import re
from collections.abc import Mapping
from typing import Any, Final

from marshmallow import ValidationError

from schemas.base import moment_text
from schemas.fields import MAX_TEXT
from schemas.moments import moment_in

#: Maximum bytes of a nested custom attribute, an array, or the properties of an event.
MAX_NESTED_BYTES = 100 * 1024
#: Maximum bytes of the properties of a purchase.
MAX_PURCHASE_BYTES = 50 * 1024
#: Maximum properties of one event or purchase.
MAX_PROPERTIES = 256
#: The year after which a time in a nested value is not stored.
LAST_YEAR = 3000

INVALID_PROPERTIES = "Invalid 'properties' field"
#: The key of a time in a nested value.
TIME = "$time"
#: Years below 0 and above 9999, which Python's datetime does not support.
BEYOND_CALENDAR = re.compile(r"\s*(-\d{4,}|\+?\d{5,})-\d\d")
#: Placeholder for a part of a nested value that is not stored.
LEFT_OUT: Final = object()


class NestedFault(ValueError):
    """A nested custom attribute cannot be stored; the message is a sentence for the client."""


def is_nested(value: Any) -> bool:
    """Return whether *value* of a custom attribute is an object, or an array that holds objects or arrays."""
    if isinstance(value, list):
        return any(isinstance(element, dict | list) for element in value)
    return isinstance(value, dict)


def nested_value(name: str, value: Any) -> Any:
    """Return the stored form of the nested *value* of the custom attribute *name*: times as text in one form.

    A time before the year 0 or after LAST_YEAR is not stored: its key or element is missing from the result. The
    result is LEFT_OUT when *value* itself is such a time. Raises NestedFault.
    """
    if isinstance(value, dict):
        if value.keys() == {TIME}:
            return _time(name, value[TIME])
        for key in value:
            _check_key(name, key)
        parts = {key: nested_value(name, part) for key, part in value.items()}
        return {key: part for key, part in parts.items() if part is not LEFT_OUT}
    if isinstance(value, list):
        return [part for part in (nested_value(name, element) for element in value) if part is not LEFT_OUT]
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise NestedFault(
            f"The strings within the custom attribute '{name}' may not be longer than {MAX_TEXT} characters."
        )
    return value


def check_properties(properties: Mapping[str, Any], *, reserved: frozenset[str], most_bytes: int) -> None:
    """Raise ValidationError, with the vendor's text, when *properties* are too many, too large or reserved."""
    fit = (
        len(properties) <= MAX_PROPERTIES
        and not reserved & properties.keys()
        and all(0 < len(key) <= MAX_TEXT and not key.startswith("$") for key in properties)
        and size(properties) <= most_bytes
    )
    if not fit:
        raise ValidationError(INVALID_PROPERTIES)


def size(value: Any) -> int:
    """Return the bytes of *value* as JSON in UTF-8, without escapes."""
    if isinstance(value, str):
        return len(value.encode()) + 2
    if isinstance(value, Mapping):
        return 2 + sum(size(key) + size(child) + 2 for key, child in value.items())
    if isinstance(value, list):
        return 2 + sum(size(child) + 1 for child in value)
    return len(str(value))


def _time(name: str, text: Any) -> Any:
    """Return the time *text* in one form, or LEFT_OUT when its year is out of range."""
    if isinstance(text, str) and BEYOND_CALENDAR.match(text):
        return LEFT_OUT
    moment = moment_in(text)
    if moment is None:
        raise NestedFault(f"A '{TIME}' within the custom attribute '{name}' must be a moment in ISO 8601 form.")
    return LEFT_OUT if moment.year > LAST_YEAR else moment_text(moment)


def _check_key(name: str, key: str) -> None:
    """Raise NestedFault when the vendor refuses *key* of the custom attribute *name*."""
    if not key or len(key) > MAX_TEXT or any(character in key for character in " .$"):
        raise NestedFault(
            f"The keys within the custom attribute '{name}' must have 1 to {MAX_TEXT} characters,"
            " none of them a space, a period or a dollar sign."
        )
