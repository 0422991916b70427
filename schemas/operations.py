"""Operations on custom attributes: they change the stored value, where a plain value replaces it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from marshmallow import ValidationError

from schemas.fields import MAX_TEXT
from schemas.nesting import NestedFault, nested_value

#: Operations on plain values: an object with only these keys.
INCREMENT = "inc"
ADD, REMOVE = "add", "remove"
#: Operations on arrays of objects.
ADD_OBJECTS, REMOVE_OBJECTS, UPDATE_OBJECTS = "$add", "$remove", "$update"
OF_OBJECTS = frozenset({ADD_OBJECTS, REMOVE_OBJECTS, UPDATE_OBJECTS})
#: Keys by which `$remove` and `$update` select objects, and the new object of `$update`.
KEY, VALUE, NEW = "$identifier_key", "$identifier_value", "$new_object"
#: Maximum objects of one of these operations.
MAX_CHANGES = 500
#: Bounds of an increment, and of the incremented value: 64 bits.
LEAST, MOST = -(2**63), 2**63 - 1

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Increment:
    """Add *by*, which may be negative, to a number."""

    by: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeArray:
    """Append elements to an array, moving existing ones to its end; then remove others."""

    add: Sequence[Any] = ()
    remove: Sequence[Any] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The objects whose *key* has the *value*."""

    key: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeObjects:
    """Append objects to an array; then remove some; then replace others, or merge into them."""

    add: Sequence[Mapping[str, Any]] = ()
    remove: Sequence[Match] = ()
    update: Sequence[tuple[Match, Mapping[str, Any]]] = ()
    #: Whether an update is merged into its object, at all depths.
    merge: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeObject:
    """Merge *value* into an object, at all depths; null removes a part."""

    value: Mapping[str, Any]


Operation = Increment | ChangeArray | ChangeObjects | MergeObject


def operation_of(name: str, value: Mapping[str, Any], *, merge: bool) -> Operation | None:
    """Return the operation that the object *value* writes, or None when it is a plain value.

    Raises ValidationError for a malformed operation on a plain value, NestedFault for one on an array of objects.
    """
    keys = value.keys()
    if not keys:
        return None
    if keys == {INCREMENT}:
        return Increment(by=_integer(name, value[INCREMENT]))
    if keys <= {ADD, REMOVE}:
        return ChangeArray(**{key: _elements(name, key, elements) for key, elements in value.items()})
    if keys <= {INCREMENT, ADD, REMOVE}:
        raise ValidationError(f"The custom attribute '{name}' can not be incremented and changed as an array at once.")
    if keys <= OF_OBJECTS:
        return ChangeObjects(
            add=_each(name, value, ADD_OBJECTS, _object),
            remove=_each(name, value, REMOVE_OBJECTS, _removal),
            update=_each(name, value, UPDATE_OBJECTS, _update),
            merge=merge,
        )
    return None


def check_elements(name: str, elements: Sequence[Any]) -> None:
    """Raise ValidationError when one of the plain *elements* of the custom attribute *name* is too long."""
    if any(isinstance(element, str) and len(element) > MAX_TEXT for element in elements):
        raise ValidationError(
            f"The elements of the custom attribute '{name}' may not be longer than {MAX_TEXT} characters."
        )


def _integer(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not LEAST <= value <= MOST:
        raise ValidationError(f"The custom attribute '{name}' can only be incremented by an integer of 64 bits.")
    return value


def _elements(name: str, key: str, elements: Any) -> Sequence[Any]:
    if not isinstance(elements, list) or any(isinstance(element, dict | list) for element in elements):
        raise ValidationError(
            f"The operation '{key}' on the custom attribute '{name}' must be an array of plain values;"
            f" use '${key}' for objects."
        )
    check_elements(name, elements)
    return elements


def _each(name: str, value: Mapping[str, Any], key: str, read: Callable[[str, str, Any], T]) -> tuple[T, ...]:
    """Return the results of *read* for the objects under *key* of *value*."""
    objects = value.get(key, [])
    if not isinstance(objects, list) or not all(isinstance(each, dict) for each in objects):
        raise NestedFault(f"The operation '{key}' on the custom attribute '{name}' must be an array of objects.")
    if len(objects) > MAX_CHANGES:
        raise NestedFault(
            f"The operation '{key}' on the custom attribute '{name}' may not have more than {MAX_CHANGES} objects."
        )
    return tuple(read(name, key, each) for each in objects)


def _object(name: str, key: str, given: Any) -> Mapping[str, Any]:
    stored = nested_value(name, given) if isinstance(given, dict) else None
    if not isinstance(stored, dict):
        raise NestedFault(f"What '{key}' brings to the custom attribute '{name}' must be objects.")
    return stored


def _removal(name: str, key: str, given: Mapping[str, Any]) -> Match:
    _check_keys(name, key, given, KEY, VALUE)
    return _match(name, given)


def _update(name: str, key: str, given: Mapping[str, Any]) -> tuple[Match, Mapping[str, Any]]:
    _check_keys(name, key, given, KEY, VALUE, NEW)
    return _match(name, given), _object(name, key, given[NEW])


def _check_keys(name: str, key: str, given: Mapping[str, Any], *required: str) -> None:
    """Raise NestedFault unless *given* has exactly the *required* keys."""
    if given.keys() != set(required):
        raise NestedFault(
            f"Each object in an '{key}' of the custom attribute '{name}' must have {' and '.join(required)} alone."
        )


def _match(name: str, given: Mapping[str, Any]) -> Match:
    value = nested_value(name, given[VALUE])
    if not isinstance(given[KEY], str) or isinstance(value, dict | list):
        raise NestedFault(f"'{KEY}' of the custom attribute '{name}' must be a string, and '{VALUE}' a plain value.")
    return Match(key=given[KEY], value=value)
