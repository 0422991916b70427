"""Apply custom attributes: plain values replace the present value, operations change it. Pure.

An operation that does not fit the present value is ignored, as at the vendor, and the response contains the reason.
"""

from bisect import bisect_right
from collections.abc import Hashable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, assert_never

from app.users.draft import Draft
from schemas.custom import CustomAttributes
from schemas.nesting import MAX_NESTED_BYTES, is_nested, size
from schemas.operations import LEAST, MOST, ChangeArray, ChangeObjects, Increment, MergeObject, Operation

#: Maximum number of object updates of one operation.
MAX_UPDATED = 5_000


class OperationIgnored(ValueError):
    """An operation does not fit the present value; the message is a sentence for the client."""


def apply_custom_attributes(draft: Draft, custom: CustomAttributes, *, array_cap: int) -> list[str]:
    """Apply *custom* to *draft*; return the reasons of ignored operations.

    An array of plain values keeps its last *array_cap* elements.
    """
    attributes = draft.writable("custom_attributes")
    ignored: list[str] = []
    for name, value in (*custom.values.items(), *custom.operations.items()):
        try:
            changed = _changed(name, attributes.get(name), value, array_cap=array_cap)
        except OperationIgnored as reason:
            ignored.append(str(reason))
            continue
        if changed is None:
            attributes.pop(name, None)
        else:
            attributes[name] = changed
    return ignored


def apply_operation(name: str, present: Any, operation: Operation) -> Any:
    """Return the value of the custom attribute *name* after *operation*; *present* is its value, None if absent.

    Raises OperationIgnored when the operation does not fit the present value.
    """
    match operation:
        case Increment(by=by):
            return _incremented(name, present, by)
        case ChangeArray(add=add, remove=remove):
            elements = unique_elements((*_elements(name, present), *add))
            removed = set(map(json_key, remove))
            return _kept(present, [element for element in elements if json_key(element) not in removed])
        case ChangeObjects():
            return _kept(present, _objects_changed(name, _elements(name, present), operation))
        case MergeObject(value=value):
            return merge_objects(present, value)
        case _ as never:
            assert_never(never)


def unique_elements(elements: Iterable[Any]) -> list[Any]:
    """Return *elements* without duplicates; of equal ones the last stays."""
    last: dict[Hashable, Any] = {}
    for element in elements:
        key = json_key(element)
        last.pop(key, None)
        last[key] = element
    return list(last.values())


def merge_objects(present: Any, update: Mapping[str, Any]) -> dict[str, Any]:
    """Return *update* merged into *present* at all depths by RFC 7396: null removes a key.

    An object replaces a present value of another type; arrays are replaced whole.
    """
    result = dict(present) if isinstance(present, Mapping) else {}
    for key, value in update.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_objects(result.get(key), value) if isinstance(value, Mapping) else value
    return result


def json_key(value: Any) -> Hashable:
    """Return a key that is equal for equal JSON values: 1 and 1.0 are equal, 1 and true are not."""
    if isinstance(value, Mapping):
        return frozenset((key, json_key(part)) for key, part in value.items())
    if isinstance(value, list):
        return tuple(map(json_key, value))
    return (isinstance(value, bool), value)


def _changed(name: str, present: Any, value: Any, *, array_cap: int) -> Any:
    """Return the attribute *name* after *value*, plain or an operation. Raises OperationIgnored if it is too large."""
    after = apply_operation(name, present, value) if isinstance(value, Operation) else value
    if isinstance(after, list) and not is_nested(after):
        after = unique_elements(after)[-array_cap:]
    if isinstance(after, dict | list) and size(after) > MAX_NESTED_BYTES:
        raise OperationIgnored(
            f"The custom attribute '{name}' would have taken more than {MAX_NESTED_BYTES:,} bytes, and was left alone."
        )
    return after


def _incremented(name: str, present: Any, by: int) -> int | float:
    """Return *present*, a number or None for 0, plus *by*."""
    if present is None:
        return by
    if isinstance(present, bool) or not isinstance(present, int | float):
        raise OperationIgnored(f"The custom attribute '{name}' is not a number, and was not incremented.")
    after = present + by
    if isinstance(after, int) and not LEAST <= after <= MOST:
        raise OperationIgnored(
            f"The custom attribute '{name}' would have left the range of 64 bits, and was not incremented."
        )
    return after


def _elements(name: str, present: Any) -> Sequence[Any]:
    """Return the elements of the array *present*; none if it is absent."""
    if present is None:
        return []
    if not isinstance(present, list):
        raise OperationIgnored(f"The custom attribute '{name}' is not an array, and was left alone.")
    return present


def _kept(present: Any, elements: list[Any]) -> list[Any] | None:
    """Return *elements*, or None when the array is absent and stays empty."""
    return None if present is None and not elements else elements


def _objects_changed(name: str, present: Sequence[Any], change: ChangeObjects) -> list[Any]:
    """Return the elements *present* after *change*: added, then removed, then updated, in the vendor's order."""
    removed = {(match.key, json_key(match.value)) for match in change.remove}
    keys = {key for key, _ in removed}
    left = [element for element in (*present, *change.add) if not removed & _parts(element, keys)]
    return _all_updated(name, left, change)


def _all_updated(name: str, elements: Sequence[Any], change: ChangeObjects) -> list[Any]:
    """Return *elements* after the updates of *change*, in order. Raises OperationIgnored beyond MAX_UPDATED updates."""
    places: dict[tuple[str, Hashable], list[int]] = {}
    for place, (match, _) in enumerate(change.update):
        places.setdefault((match.key, json_key(match.value)), []).append(place)
    keys = {key for key, _ in places}
    updated: list[Any] = []
    done = 0
    for element in elements:
        after = element
        next_place = _next_place(element, keys, places, -1)
        while next_place is not None:
            new = change.update[next_place][1]
            after = merge_objects(after, new) if change.merge else new
            next_place = _next_place(after, keys, places, next_place)
            done += 1
            if done > MAX_UPDATED:
                raise OperationIgnored(
                    f"The custom attribute '{name}' has more than {MAX_UPDATED} matching objects and was not changed;"
                    " send fewer updates at once."
                )
        updated.append(after)
    return updated


def _next_place(
    element: Any, keys: AbstractSet[str], places: Mapping[tuple[str, Hashable], Sequence[int]], last: int
) -> int | None:
    """Return the place of the first update after *last* that matches *element*, or None."""
    found = (places.get(part, ()) for part in _parts(element, keys))
    following = ((listed, bisect_right(listed, last)) for listed in found)
    return min((listed[at] for listed, at in following if at < len(listed)), default=None)


def _parts(element: Any, keys: AbstractSet[str]) -> set[tuple[str, Hashable]]:
    """Return the items of the object *element* under *keys*; none if it is no object."""
    return {(key, json_key(element[key])) for key in keys & element.keys()} if isinstance(element, dict) else set()
