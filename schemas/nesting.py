"""Free-form values: custom attributes and the properties of events and purchases, within the vendor's limits."""

from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import ValidationError

from schemas.fields import MAX_TEXT

#: Bytes that a nested custom attribute, an array, or the properties of an event may take.
MAX_NESTED_BYTES = 100 * 1024
#: Bytes that the properties of a purchase may take.
MAX_PURCHASE_BYTES = 50 * 1024
#: Elements of an array attribute that are kept: the last ones.
MAX_ELEMENTS = 500
#: Properties that one event or purchase may have.
MAX_PROPERTIES = 256
#: Objects that are instructions to the vendor and not values.
OPERATORS = frozenset({"inc", "add", "remove"})

INVALID_PROPERTIES = "Invalid 'properties' field"


def attribute_value(name: str, value: Any) -> Any:
    """Return *value* of the custom attribute *name* as it is stored; None deletes the attribute.

    Raises ValidationError with a sentence when the value is beyond a limit, or is an instruction that is not
    understood: storing an instruction as if it were a value would be worse than refusing it.
    """
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise ValidationError(f"The custom attribute '{name}' may not be longer than {MAX_TEXT} characters.")
    if not isinstance(value, dict | list):
        return value
    if isinstance(value, dict) and (value.keys() <= OPERATORS and value):
        raise ValidationError(
            f"The custom attribute '{name}' is the operation '{next(iter(value))}', which is not supported;"
            " send the resulting value."
        )
    for key in _keys(value):
        _check_key(name, key)
    if size(value) > MAX_NESTED_BYTES:
        raise ValidationError(f"The custom attribute '{name}' may not take more than {MAX_NESTED_BYTES:,} bytes.")
    return value[-MAX_ELEMENTS:] if isinstance(value, list) else value


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
    """Return the bytes that *value* takes as JSON in UTF-8, but for escapes."""
    if isinstance(value, str):
        return len(value.encode()) + 2
    if isinstance(value, Mapping):
        return 2 + sum(size(key) + size(child) + 2 for key, child in value.items())
    if isinstance(value, list):
        return 2 + sum(size(child) + 1 for child in value)
    return len(str(value))


def _keys(value: Any) -> Iterator[str]:
    """Yield every key of every object in *value*."""
    if isinstance(value, dict):
        yield from value
    for child in value.values() if isinstance(value, dict) else value:
        if isinstance(child, dict | list):
            yield from _keys(child)


def _check_key(name: str, key: str) -> None:
    """Raise ValidationError when *key*, somewhere in the custom attribute *name*, is not one that the vendor takes."""
    if key.startswith("$"):
        raise ValidationError(
            f"The custom attribute '{name}' holds the operation '{key}', which is not supported;"
            " send the resulting value."
        )
    if not key or len(key) > MAX_TEXT or any(character in key for character in " .$"):
        raise ValidationError(
            f"The keys within the custom attribute '{name}' must have 1 to {MAX_TEXT} characters,"
            " none of them a space, a period or a dollar sign."
        )
