"""What `POST /users/identify` takes: aliases, emails and phones, each with the external_id it is to have."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError

from schemas.fields import EmailText, ExternalIdText, Nested, Text, first_fault
from schemas.identifiers import Email, ExternalId, Identifier, Phone
from schemas.prioritization_checks import Prioritization
from schemas.targets import UserAliasSchema, alias_of

#: Objects that one request may hold, over its three arrays.
MAX_OBJECTS = 50

NOTHING_SENT = (
    "One of 'aliases_to_identify', 'emails_to_identify' and 'phone_numbers_to_identify' is required, as an array of"
    " objects"
)
TOO_MANY = "The max number of external_ids and aliases per request was exceeded"
NOT_AN_OBJECT = "must be an object with an 'external_id'"
#: What the vendor calls the array in its errors, whichever of the three it was.
INPUT_ARRAY = "user_identifiers"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifyUpdate:
    """One profile to be identified: what *orphan* names is to be the profile with the external_id *survivor*."""

    orphan: Identifier
    survivor: Identifier
    #: Its place among all objects of the request: aliases first, then emails, then phones.
    index: int
    input_array: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifyRequest:
    """A request that has been read: what it asks for, and what of it was refused."""

    updates: tuple[IdentifyUpdate, ...]
    #: `{"type": sentence, "input_array": "user_identifiers", "index": place among all objects}`.
    errors: tuple[Mapping[str, Any], ...]
    #: Accepted objects by the name of their count, for each array that was sent.
    processed: Mapping[str, int]

    def answer(self) -> dict[str, Any]:
        """Return the body of the answer in the vendor's shape; `errors` is there only when there are any."""
        return {**self.processed, "message": "success", **({"errors": list(self.errors)} if self.errors else {})}


class _ToIdentify(Schema):
    """What the objects of the three arrays have in common."""

    class Meta:
        """Further keys say nothing."""

        unknown = EXCLUDE

    external_id = ExternalIdText(required=True)


class AliasToIdentify(_ToIdentify):
    """An alias, and the external_id that its profile is to have."""

    user_alias = Nested(UserAliasSchema, required=True)


class EmailToIdentify(_ToIdentify):
    """An email address with its prioritization, and the external_id that the profile it picks is to have."""

    email = EmailText(required=True)
    prioritization = Prioritization(required=True)


class PhoneToIdentify(_ToIdentify):
    """A phone number with its prioritization, and the external_id that the profile it picks is to have."""

    phone = Text(required=True, least=1)
    prioritization = Prioritization(required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Array:
    """One of the three arrays: how its objects are read, what they name, and what their count is called."""

    schema: Schema
    names: Callable[[Mapping[str, Any]], Identifier]
    count: str


#: The arrays in the order in which their objects are taken.
ARRAYS: Mapping[str, _Array] = {
    "aliases_to_identify": _Array(
        schema=AliasToIdentify(), names=lambda given: alias_of(given["user_alias"]), count="aliases_processed"
    ),
    "emails_to_identify": _Array(
        schema=EmailToIdentify(),
        names=lambda given: Email(given["email"], given["prioritization"]),
        count="emails_processed",
    ),
    "phone_numbers_to_identify": _Array(
        schema=PhoneToIdentify(),
        names=lambda given: Phone(given["phone"], given["prioritization"]),
        count="phone_numbers_processed",
    ),
}


def load_identify(body: Any) -> IdentifyRequest:
    """Return what the parsed *body* asks for; each object stands or falls by itself. `merge_behavior` is ignored.

    Raises ValidationError when none of the arrays was sent, one is no array, or there are too many objects.
    """
    sent = {name: body[name] for name in ARRAYS if body.get(name) is not None} if isinstance(body, dict) else {}
    if not sent or not all(isinstance(objects, list) for objects in sent.values()):
        raise ValidationError(NOTHING_SENT)
    places = [(name, given) for name, objects in sent.items() for given in objects]
    if len(places) > MAX_OBJECTS:
        raise ValidationError(TOO_MANY)
    updates, errors = [], []
    for index, (name, given) in enumerate(places):
        try:
            updates.append(_update(name, given, index))
        except ValidationError as error:
            errors.append({"type": first_fault(error.messages), "input_array": INPUT_ARRAY, "index": index})
    processed = {ARRAYS[name].count: sum(update.input_array == name for update in updates) for name in sent}
    return IdentifyRequest(updates=tuple(updates), errors=tuple(errors), processed=processed)


def _update(name: str, given: Any, index: int) -> IdentifyUpdate:
    """Return the object *given* of the array *name* as an update; raise ValidationError when it cannot be one."""
    if not isinstance(given, dict):
        raise ValidationError(f"An object of '{name}' {NOT_AN_OBJECT}")
    loaded = ARRAYS[name].schema.load(given)
    return IdentifyUpdate(
        orphan=ARRAYS[name].names(loaded),
        survivor=ExternalId(loaded["external_id"]),
        index=index,
        input_array=name,
    )
