"""The body of `/users/track`: arrays of objects. Each object succeeds or fails by itself."""

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from schemas.attributes import Attributes, AttributesSchema
from schemas.base import (
    OPTIONAL,
    ObjectPlace,
    RequestSchema,
    ResponseSchema,
    count_field,
    refused_objects,
    success_message,
    warnings_field,
)
from schemas.departures import Departure
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
from schemas.identifiers import DeviceId, Email, Phone, Target, UserAlias
from schemas.oversized_integers import leave_out_oversized
from schemas.placeholders import PLACEHOLDER, is_placeholder
from schemas.targets import why_missing
from schemas.text import quoted

Entry = Attributes | Event | Purchase | Session | Engagement

#: Maximum objects of one array.
MAX_OBJECTS = 75
TOO_MANY = "Max Input Length Exceeded"
NOTHING_VALID = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."
REFUSED_ID = "provided external_id is blacklisted and disallowed"

#: The arrays by name, in the order in which they are applied.
ARRAYS: Mapping[str, Schema] = {
    "attributes": AttributesSchema(),
    "events": EventSchema(),
    "purchases": PurchaseSchema(),
    "sessions": SessionSchema(),
    "engagements": EngagementSchema(),
}


@dataclass(kw_only=True)
class TrackRequest:
    """The loaded objects of a request in the order of their effect, and the refused ones."""

    entries: list[Entry] = field(default_factory=list)
    #: The place of each entry.
    places: list[ObjectPlace] = field(default_factory=list)
    #: `{"type": sentence, "input_array": name, "index": place}` for each refused object.
    errors: list[dict[str, Any]] = field(default_factory=list)
    #: The same for each object that had no effect, or a part without effect; without an index for a misspelt array.
    warnings: list[dict[str, Any]] = field(default_factory=list)
    _refused: set[int] = field(default_factory=set)
    _without_profile: set[int] = field(default_factory=set)

    def refuse(self, position: int, sentence: str) -> None:
        """Add an error for the entry at *position*, which could not be applied."""
        self._refused.add(position)
        self.errors.append(self.places[position].remark(sentence))

    def warn(self, position: int, sentence: str) -> None:
        """Add a warning for the entry at *position*: a part of it had no effect."""
        self.warnings.append(self.places[position].remark(sentence))

    def skip(self, position: int, departure: Departure | None = None) -> None:
        """Add a warning for the entry at *position*, which has no profile; it is valid, but does not count.

        *departure* is what happened to its profile, if that is known.
        """
        self._without_profile.add(position)
        self.warn(position, why_missing(self.entries[position].target, departure))

    @property
    def accepted(self) -> dict[str, int]:
        """Objects with an effect by array; arrays without a valid object are missing."""
        valid = self._arrays_without(self._refused)
        counted = self._arrays_without(self._refused | self._without_profile)
        return {name: counted.count(name) for name in ARRAYS if name in valid}

    def _arrays_without(self, positions: Collection[int]) -> list[str]:
        """Return the array of each entry whose position is not among *positions*."""
        return [place.array for position, place in enumerate(self.places) if position not in positions]

    def answer(self) -> dict[str, Any]:
        """Return the response body; only Mergelane has `warnings`."""
        accepted = self.accepted
        message = "success" if accepted else NOTHING_VALID
        counts = {f"{name}_processed": count for name, count in accepted.items()}
        remarks = {"errors": self.errors, "warnings": self.warnings}
        return {"message": message, **counts, **{key: _in_order(each) for key, each in remarks.items() if each}}


def _array_of(schema: type[Schema]) -> fields.List[Any]:
    return fields.List(fields.Nested(schema), validate=validate.Length(max=MAX_OBJECTS), allow_none=True)


class TrackRequestSchema(RequestSchema):
    """Objects to record, at most 75 in each array."""

    attributes = _array_of(AttributesSchema)
    events = _array_of(EventSchema)
    purchases = _array_of(PurchaseSchema)
    sessions = _array_of(SessionSchema)
    engagements = _array_of(EngagementSchema)


class TrackedSchema(ResponseSchema):
    """The number of objects with an effect in each array, the refused objects, and those without an effect."""

    message = success_message()
    errors = refused_objects()
    warnings = warnings_field()
    attributes_processed = count_field(metadata=OPTIONAL)
    events_processed = count_field(metadata=OPTIONAL)
    purchases_processed = count_field(metadata=OPTIONAL)
    sessions_processed = count_field(metadata=OPTIONAL)
    engagements_processed = count_field(metadata=OPTIONAL)


def load_track(body: Any, *, refused: Collection[str] = frozenset()) -> TrackRequest:
    """Load a track request from *body*; *refused* are the placeholders that no profile may have.

    Raises ValidationError when the body is no object, or an array is no array or too long.
    """
    if not isinstance(body, dict):
        raise ValidationError("The request body must be a JSON object.")
    for name in ARRAYS:
        _check_array(name, body.get(name))
    loaded = TrackRequest()
    for name in ARRAYS:
        for index, given in enumerate(body.get(name) or ()):
            _read(loaded, ObjectPlace(name, index), given=given, refused=refused)
    _drop_nested(loaded)
    loaded.warnings += _misspelt_arrays(body)
    return loaded


def _check_array(name: str, array: Any) -> None:
    """Raise ValidationError when *array* is no array, or too long. None is allowed."""
    if array is None:
        return
    if not isinstance(array, list):
        raise ValidationError(f"'{name}' must be an array of objects")
    if len(array) > MAX_OBJECTS:
        raise ValidationError(TOO_MANY)


def _read(loaded: TrackRequest, place: ObjectPlace, *, given: Any, refused: Collection[str]) -> None:
    """Add the object *given* to the entries of *loaded*, or its first fault to the errors."""
    given, left_out = leave_out_oversized(given, ARRAYS[place.array])
    try:
        entry = _load(given, name=place.array)
        _check_target(entry.target, refused)
    except ValidationError as error:
        loaded.errors.append(place.remark(first_fault(error.messages)))
    else:
        loaded.entries.append(entry)
        loaded.places.append(place)
        loaded.warnings += map(place.remark, [*left_out, *getattr(entry, "warnings", ())])


def _load(given: Any, *, name: str) -> Entry:
    if not isinstance(given, dict):
        raise ValidationError(f"'{name}' must be an array of objects")
    entry: Entry = ARRAYS[name].load(given)
    return entry


def _check_target(target: Target, refused: Collection[str]) -> None:
    """Raise ValidationError when *target* is a placeholder; for an external_id with the vendor's text."""
    if not is_placeholder(target, refused):
        return
    name = {UserAlias: "alias_name", Email: "email", Phone: "phone", DeviceId: "device_id"}.get(type(target))
    raise ValidationError(REFUSED_ID if name is None else f"'{name}' {PLACEHOLDER}")


def _drop_nested(loaded: TrackRequest) -> None:
    """Remove all nested custom attributes when one of them is invalid, as the vendor does, and add warnings."""
    of_attributes = {position: entry for position, entry in enumerate(loaded.entries) if isinstance(entry, Attributes)}
    faulty = [position for position, entry in of_attributes.items() if entry.custom.fault is not None]
    if not faulty:
        return
    for position, entry in of_attributes.items():
        if entry.custom.fault is not None:
            loaded.warn(position, f"{entry.custom.fault} No nested custom attribute of this request was updated.")
        elif entry.custom.nested:
            loaded.entries[position] = dataclasses.replace(entry, custom=entry.custom.without_nested())
            loaded.warn(position, _dropped_with(loaded.places[faulty[0]].index))


def _misspelt_arrays(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a warning for each key of *body* that names an array in the singular or in upper case, as "purchase"."""
    named = {name.removesuffix("s"): name for name in ARRAYS}
    meant = {key: named.get(key.strip().casefold().removesuffix("s")) for key in body if key not in ARRAYS}
    return [
        {
            "type": f"'{quoted(key)}' is not an array of this endpoint and was ignored; use '{name}'.",
            "input_array": quoted(key),
        }
        for key, name in meant.items()
        if name is not None and body[key] is not None
    ]


def _dropped_with(index: int) -> str:
    """Return the warning for valid nested attributes: one in the object at *index* is invalid."""
    return (
        "The nested custom attributes of this object were not updated, because one in the attributes object with the"
        f" index {index} is not valid."
    )


def _in_order(remarks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return *remarks* in the order of their objects."""
    order = {name: number for number, name in enumerate(ARRAYS)}
    return sorted(remarks, key=lambda remark: (order.get(remark["input_array"], len(order)), remark.get("index", 0)))
