"""Custom attributes applied: values that replace what there is, and operations that change it. Pure.

An operation that does not fit what the profile has is ignored, as at the vendor, and the client is told so.
"""

from bisect import bisect_right
from collections.abc import Hashable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, assert_never

from app.users.draft import Draft
from schemas.custom import CustomAttributes
from schemas.nesting import MAX_NESTED_BYTES, is_nested, size
from schemas.operations import LEAST, MOST, ChangeArray, ChangeObjects, Increment, MergeObject, Operation

#: Updates of single objects that one operation may come to.
MAX_UPDATED = 5_000


class Ignored(ValueError):
    """An operation that does not fit what the profile has; the message says why, in a sentence."""


def apply_custom(draft: Draft, custom: CustomAttributes, *, array_cap: int) -> list[str]:
    """Apply *custom* to *draft*, and return what to tell of operations that were ignored.

    *array_cap* is the number of elements that an array of plain values keeps: the last ones.
    """
    own = draft.own("custom_attributes")
    ignored: list[str] = []
    for name, value in (*custom.values.items(), *custom.operations.items()):
        try:
            changed = _changed(name, own.get(name), value, array_cap=array_cap)
        except Ignored as reason:
            ignored.append(str(reason))
            continue
        if changed is None:
            own.pop(name, None)
        else:
            own[name] = changed
    return ignored


def changed_by(name: str, present: Any, operation: Operation) -> Any:
    """Return what *operation* makes of the custom attribute *name*, which is *present* now; None is absent.

    Raises Ignored when the operation does not fit what is present.
    """
    match operation:
        case Increment(by=by):
            return _incremented(name, present, by)
        case ChangeArray(add=add, remove=remove):
            elements = unique((*_elements(name, present), *add))
            gone = set(map(json_key, remove))
            return _kept(present, [element for element in elements if json_key(element) not in gone])
        case ChangeObjects():
            return _kept(present, _objects_changed(name, _elements(name, present), operation))
        case MergeObject(value=value):
            return merged(present, value)
        case _ as never:
            assert_never(never)


def unique(elements: Iterable[Any]) -> list[Any]:
    """Return *elements* as if they were added to an array one by one: each once, where it came last."""
    last: dict[Hashable, Any] = {}
    for element in elements:
        key = json_key(element)
        last.pop(key, None)
        last[key] = element
    return list(last.values())


def merged(present: Any, update: Mapping[str, Any]) -> dict[str, Any]:
    """Return *update* merged into *present* at all depths, as RFC 7396 has it: null takes a part away.

    Anything but an object gives way; arrays are replaced whole.
    """
    result = dict(present) if isinstance(present, Mapping) else {}
    for key, value in update.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value) if isinstance(value, Mapping) else value
    return result


def json_key(value: Any) -> Hashable:
    """Return what two JSON values have in common when they are the same; 1 and true are not, 1 and 1.0 are."""
    if isinstance(value, Mapping):
        return frozenset((key, json_key(part)) for key, part in value.items())
    if isinstance(value, list):
        return tuple(map(json_key, value))
    return (isinstance(value, bool), value)


def _changed(name: str, present: Any, value: Any, *, array_cap: int) -> Any:
    """Return the custom attribute *name* after *value*, plain or an operation; raise Ignored when it is too large."""
    after = changed_by(name, present, value) if isinstance(value, Operation) else value
    if isinstance(after, list) and not is_nested(after):
        after = unique(after)[-array_cap:]
    if isinstance(after, dict | list) and size(after) > MAX_NESTED_BYTES:
        raise Ignored(
            f"The custom attribute '{name}' would have taken more than {MAX_NESTED_BYTES:,} bytes, and was left alone."
        )
    return after


def _incremented(name: str, present: Any, by: int) -> int | float:
    """Return the number *present*, or 0, with *by* added."""
    if present is None:
        return by
    if isinstance(present, bool) or not isinstance(present, int | float):
        raise Ignored(f"The custom attribute '{name}' is not a number, and was not incremented.")
    after = present + by
    if isinstance(after, int) and not LEAST <= after <= MOST:
        raise Ignored(f"The custom attribute '{name}' would have left the range of 64 bits, and was not incremented.")
    return after


def _elements(name: str, present: Any) -> Sequence[Any]:
    """Return the elements of the array *present*; of an absent one there are none."""
    if present is None:
        return []
    if not isinstance(present, list):
        raise Ignored(f"The custom attribute '{name}' is not an array, and was left alone.")
    return present


def _kept(present: Any, elements: list[Any]) -> list[Any] | None:
    """Return *elements*, or None when there was no array and there is nothing to put into one."""
    return None if present is None and not elements else elements


def _objects_changed(name: str, present: Sequence[Any], change: ChangeObjects) -> list[Any]:
    """Return the elements *present* after *change*: added, then removed, then updated, in the vendor's order."""
    gone = {(match.key, json_key(match.value)) for match in change.remove}
    keys = {key for key, _ in gone}
    left = [element for element in (*present, *change.add) if not gone & _parts(element, keys)]
    return _all_updated(name, left, change)


def _all_updated(name: str, elements: Sequence[Any], change: ChangeObjects) -> list[Any]:
    """Return *elements* after the updates of *change*, in order; raise Ignored when there is too much to do."""
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
            after = merged(after, new) if change.merge else new
            next_place = _next_place(after, keys, places, next_place)
            done += 1
            if done > MAX_UPDATED:
                raise Ignored(
                    f"The custom attribute '{name}' holds so many objects that match that it was left alone;"
                    " send fewer updates at once."
                )
        updated.append(after)
    return updated


def _next_place(
    element: Any, keys: AbstractSet[str], places: Mapping[tuple[str, Hashable], Sequence[int]], last: int
) -> int | None:
    """Return the place of the first update after *last* that means *element*, or None."""
    found = (places.get(part, ()) for part in _parts(element, keys))
    following = ((listed, bisect_right(listed, last)) for listed in found)
    return min((listed[at] for listed, at in following if at < len(listed)), default=None)


def _parts(element: Any, keys: AbstractSet[str]) -> set[tuple[str, Hashable]]:
    """Return those of *keys* that *element* has, when it is an object, each with what stands under it."""
    return {(key, json_key(element[key])) for key in keys & element.keys()} if isinstance(element, dict) else set()
