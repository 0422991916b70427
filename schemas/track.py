"""The body of `/users/track`: arrays of objects, each of which stands or falls by itself."""

from collections.abc import Mapping
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

Entry = Attributes | Event | Purchase | Session | Engagement

#: Objects that one array may hold.
MAX_OBJECTS = 75
TOO_MANY = "Max Input Length Exceeded"
NOTHING_VALID = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."

#: The arrays by name, in the order in which they take effect.
ARRAYS: Mapping[str, Schema] = {
    "attributes": AttributesSchema(),
    "events": EventSchema(),
    "purchases": PurchaseSchema(),
    "sessions": SessionSchema(),
    "engagements": EngagementSchema(),
}


@dataclass(kw_only=True)
class TrackRequest:
    """A request that has been read: what it asks for in the order of effect, and what of it was refused."""

    entries: list[Entry] = field(default_factory=list)
    #: `{"type": sentence, "input_array": name, "index": place}` for each refused object.
    errors: list[dict[str, Any]] = field(default_factory=list)
    #: Accepted objects by array; an array without any is not in it.
    accepted: dict[str, int] = field(default_factory=dict)

    def answer(self) -> dict[str, Any]:
        """Return the body of the answer, in the vendor's shape."""
        message = "success" if self.entries else NOTHING_VALID
        counts = {f"{name}_processed": count for name, count in self.accepted.items()}
        return {"message": message, **counts, **({"errors": self.errors} if self.errors else {})}


def load_track(body: Any) -> TrackRequest:
    """Return what *body* asks for. Raises ValidationError when it is no object, or an array is none or too long."""
    if not isinstance(body, dict):
        raise ValidationError("The request body must be a JSON object.")
    for name in ARRAYS:
        _check_array(name, body.get(name))
    loaded = TrackRequest()
    for name, schema in ARRAYS.items():
        for index, given in enumerate(body.get(name) or ()):
            _read(loaded, name=name, index=index, given=given, schema=schema)
    return loaded


def _check_array(name: str, array: Any) -> None:
    """Raise ValidationError when *array* is given but is none, or holds too many objects."""
    if array is None:
        return
    if not isinstance(array, list):
        raise ValidationError(f"'{name}' must be an array of objects")
    if len(array) > MAX_OBJECTS:
        raise ValidationError(TOO_MANY)


def _read(loaded: TrackRequest, *, name: str, index: int, given: Any, schema: Schema) -> None:
    """Add the object *given* to *loaded*: to its entries, or to its errors with the first thing that is wrong."""
    try:
        loaded.entries.append(_load(given, name=name, schema=schema))
    except ValidationError as error:
        fault = {"type": first_fault(error.messages), "input_array": name, "index": index}
        loaded.errors.append(fault)
    else:
        loaded.accepted[name] = loaded.accepted.get(name, 0) + 1


def _load(given: Any, *, name: str, schema: Schema) -> Entry:
    """Return what the object *given* asks for; raise ValidationError when it asks for nothing sound."""
    if not isinstance(given, dict):
        raise ValidationError(f"'{name}' must be an array of objects")
    entry: Entry = schema.load(given)
    return entry
