"""The body of `/users/track`: arrays of objects, each of which stands or falls by itself."""

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import Schema, ValidationError

from schemas.attributes import Attributes, AttributesSchema
from schemas.fields import first_fault
from schemas.history import (
    Engagement,
    EngagementSchema,
    Event,
    EventSchema,
    Purchase,
    PurchaseSchema,
    Session,
    SessionSchema,
)
from schemas.identifiers import ExternalId, Target

Entry = Attributes | Event | Purchase | Session | Engagement

#: Objects that one array may hold.
MAX_OBJECTS = 75
TOO_MANY = "Max Input Length Exceeded"
NOTHING_VALID = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."
REFUSED_ID = "provided external_id is blacklisted and disallowed"

#: The arrays by name, in the order in which they take effect.
ARRAYS: Mapping[str, Schema] = {
    "attributes": AttributesSchema(),
    "events": EventSchema(),
    "purchases": PurchaseSchema(),
    "sessions": SessionSchema(),
    "engagements": EngagementSchema(),
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object stands in the request."""

    array: str
    index: int

    def remark(self, sentence: str) -> dict[str, Any]:
        """Return what the answer tells of the object here."""
        return {"type": sentence, "input_array": self.array, "index": self.index}


@dataclass(kw_only=True)
class TrackRequest:
    """A request that has been read: what it asks for in the order of effect, and what of it was refused."""

    entries: list[Entry] = field(default_factory=list)
    #: Where each of the entries stands.
    places: list[Place] = field(default_factory=list)
    #: `{"type": sentence, "input_array": name, "index": place}` for each refused object.
    errors: list[dict[str, Any]] = field(default_factory=list)
    #: The same for each object of which a part had no effect.
    warnings: list[dict[str, Any]] = field(default_factory=list)
    _refused: set[int] = field(default_factory=set)

    def refuse(self, position: int, sentence: str) -> None:
        """Note that the entry at *position* was refused after all, when it was to take effect."""
        self._refused.add(position)
        self.errors.append(self.places[position].remark(sentence))

    def warn(self, position: int, sentence: str) -> None:
        """Note that a part of the entry at *position* had no effect."""
        self.warnings.append(self.places[position].remark(sentence))

    @property
    def accepted(self) -> dict[str, int]:
        """Accepted objects by array; an array without any is not in it."""
        arrays = [place.array for position, place in enumerate(self.places) if position not in self._refused]
        return {name: arrays.count(name) for name in ARRAYS if name in arrays}

    def answer(self) -> dict[str, Any]:
        """Return the body of the answer, in the vendor's shape, with what is ours: `warnings`."""
        accepted = self.accepted
        message = "success" if accepted else NOTHING_VALID
        counts = {f"{name}_processed": count for name, count in accepted.items()}
        told = {"errors": self.errors, "warnings": self.warnings}
        return {"message": message, **counts, **{key: _in_order(remarks) for key, remarks in told.items() if remarks}}


def load_track(body: Any, *, refused: Collection[str] = frozenset()) -> TrackRequest:
    """Return what *body* asks for; *refused* are external_ids, trimmed and case-folded, that nobody may have.

    Raises ValidationError when the body is no object, or an array is none or too long.
    """
    if not isinstance(body, dict):
        raise ValidationError("The request body must be a JSON object.")
    for name in ARRAYS:
        _check_array(name, body.get(name))
    loaded = TrackRequest()
    for name in ARRAYS:
        for index, given in enumerate(body.get(name) or ()):
            _read(loaded, Place(name, index), given=given, refused=refused)
    _drop_nested(loaded)
    return loaded


def _check_array(name: str, array: Any) -> None:
    """Raise ValidationError when *array* is given but is none, or holds too many objects."""
    if array is None:
        return
    if not isinstance(array, list):
        raise ValidationError(f"'{name}' must be an array of objects")
    if len(array) > MAX_OBJECTS:
        raise ValidationError(TOO_MANY)


def _read(loaded: TrackRequest, place: Place, *, given: Any, refused: Collection[str]) -> None:
    """Add the object *given* to *loaded*: to its entries, or to its errors with the first thing that is wrong."""
    try:
        entry = _load(given, name=place.array)
        _check_target(entry.target, refused)
    except ValidationError as error:
        loaded.errors.append(place.remark(first_fault(error.messages)))
    else:
        loaded.entries.append(entry)
        loaded.places.append(place)


def _load(given: Any, *, name: str) -> Entry:
    """Return what the object *given* asks for; raise ValidationError when it asks for nothing sound."""
    if not isinstance(given, dict):
        raise ValidationError(f"'{name}' must be an array of objects")
    entry: Entry = ARRAYS[name].load(given)
    return entry


def _check_target(target: Target, refused: Collection[str]) -> None:
    """Raise ValidationError, with the vendor's text, when *target* is a placeholder that strangers share."""
    if isinstance(target, ExternalId) and target.value.strip().casefold() in refused:
        raise ValidationError(REFUSED_ID)


def _drop_nested(loaded: TrackRequest) -> None:
    """Take all nested custom attributes out of *loaded* when one of them is not sound, as the vendor does; tell it."""
    of_attributes = {position: entry for position, entry in enumerate(loaded.entries) if isinstance(entry, Attributes)}
    faulty = [position for position, entry in of_attributes.items() if entry.custom.fault is not None]
    if not faulty:
        return
    for position, entry in of_attributes.items():
        if entry.custom.fault is not None:
            loaded.warn(position, f"{entry.custom.fault} No nested custom attribute of this request was updated.")
        elif entry.custom.nested:
            loaded.entries[position] = dataclasses.replace(entry, custom=entry.custom.without_nested())
            loaded.warn(position, _taken_along(loaded.places[faulty[0]].index))


def _taken_along(index: int) -> str:
    """Return why nested attributes that are sound were not updated: because of one in the object at *index*."""
    return (
        "The nested custom attributes of this object were not updated, because one in the attributes object with the"
        f" index {index} is not valid."
    )


def _in_order(remarks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return *remarks* in the order of the objects that they are about."""
    order = {name: number for number, name in enumerate(ARRAYS)}
    return sorted(remarks, key=lambda remark: (order[remark["input_array"]], remark["index"]))
