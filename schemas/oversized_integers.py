"""Integers beyond 64 bits in objects of `/users/track`: left out of what is stored, with a warning."""

from collections.abc import Mapping
from typing import Any

from marshmallow import INCLUDE, Schema

from schemas.attributes import FLAT_ALIAS
from schemas.fields import Object
from schemas.json_values import OversizedInteger
from schemas.lenient import Lenient
from schemas.nesting import TIME
from schemas.operations import ADD, INCREMENT, OF_OBJECTS, REMOVE, VALUE
from schemas.targets import DeviceIdText
from schemas.text import quoted

#: Places that a warning names.
MAX_NAMED = 3
#: Members of an operation on a custom attribute. An integer in place of a list is a fault of the operation.
OPERANDS = frozenset({INCREMENT, ADD, REMOVE}) | OF_OBJECTS


def leave_out_oversized(given: Any, schema: Schema) -> tuple[Any, list[str]]:
    """Return the object *given* without integers beyond 64 bits, and a warning that names them if there were any.

    They are left out of custom attributes and of fields that take any members. Another field of *schema* refuses such
    an integer itself. What `$remove` or `$update` selects by one is left out whole.
    """
    if not isinstance(given, dict) or not holds_oversized(given):
        return given, []
    places: list[str] = []
    cleaned: dict[str, Any] = {}
    for name, value in given.items():
        place = name.strip()
        field = schema.fields.get(place)
        if isinstance(field.inner if isinstance(field, Lenient) else field, Object):
            cleaned[name] = _without(value, place, places)
        elif not _is_custom(place, field, schema):
            cleaned[name] = value
        elif not _is_left_out(value, place, places):
            cleaned[name] = _without(value, place, places, operands=OPERANDS)
    return cleaned, [_warning(places)] if places else []


def _is_custom(name: str, field: Any, schema: Schema) -> bool:
    """Return whether *name*, with its *field* or None, is a custom attribute, or may be one beside an identifier."""
    return schema.unknown == INCLUDE and (field is None or isinstance(field, DeviceIdText)) and name not in FLAT_ALIAS


def holds_oversized(value: Any) -> bool:
    """Return whether *value* is or contains an oversized integer."""
    if isinstance(value, dict):
        return any(map(holds_oversized, value.values()))
    if isinstance(value, list):
        return any(map(holds_oversized, value))
    return isinstance(value, OversizedInteger)


def _without(value: Any, place: str, places: list[str], *, operands: frozenset[str] = frozenset()) -> Any:
    """Return *value* at *place* without oversized integers, whose places are added to *places*.

    If *value* is an operation, which has *operands* alone, and for a time, its own members stay.
    """
    if isinstance(value, Mapping):
        stay = value.keys() <= operands or value.keys() == {TIME}
        return {
            key: _without(part, f"{place}.{key}", places)
            for key, part in value.items()
            if stay or not _is_left_out(part, f"{place}.{key}", places)
        }
    if isinstance(value, list):
        return [
            _without(part, f"{place}.{index}", places)
            for index, part in enumerate(value)
            if not _is_left_out(part, f"{place}.{index}", places)
        ]
    return value


def _is_left_out(part: Any, place: str, places: list[str]) -> bool:
    """Return whether *part* is an oversized integer, or selects objects by one; if so, add *place* to *places*."""
    selected = part.get(VALUE) if isinstance(part, dict) else part
    if not isinstance(selected, OversizedInteger):
        return False
    places.append(place)
    return True


def _warning(places: list[str]) -> str:
    names = [f"'{quoted(place)}'" for place in places[:MAX_NAMED]]
    if len(places) > MAX_NAMED:
        names.append(f"{len(places) - MAX_NAMED} more")
    *first, last = names
    if not first:
        return f"{last} is an integer beyond 64 bits and was left out; send ids as strings."
    return f"{', '.join(first)} and {last} are integers beyond 64 bits and were left out; send ids as strings."
