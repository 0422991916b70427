"""The body of `POST /users/identify`: aliases, emails and phones, each with the new external_id of its profile."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from schemas.base import RequestSchema
from schemas.fields import Nested, first_fault
from schemas.identifier_fields import EmailText, ExternalIdText, PhoneText
from schemas.identifiers import Email, ExternalId, Identifier
from schemas.prioritization import Prioritization
from schemas.targets import UserAliasSchema, alias_of, identifying_phone

#: Maximum objects of each of the three arrays.
MAX_OBJECTS = 50

NOTHING_SENT = (
    "One of 'aliases_to_identify', 'emails_to_identify' and 'phone_numbers_to_identify' is required, as an array of"
    " objects"
)
TOO_MANY = "The max number of external_ids and aliases per request was exceeded"
NOT_AN_OBJECT = "must be an object with an 'external_id'"
#: The name of the array in the errors, for each of the three, as at the vendor.
INPUT_ARRAY = "user_identifiers"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifyUpdate:
    """The profile of *orphan* gets the external_id *survivor*, or is merged into the profile that has it."""

    orphan: Identifier
    survivor: Identifier
    #: The index among all objects of the request: aliases first, then emails, then phones.
    index: int
    input_array: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifyRequest:
    """The loaded objects of a request, and the refused ones."""

    updates: tuple[IdentifyUpdate, ...]
    #: `{"type": sentence, "input_array": "user_identifiers", "index": place among all objects}`.
    errors: tuple[Mapping[str, Any], ...]
    #: Accepted objects by the name of their count, for each array of the request.
    processed: Mapping[str, int]

    def answer(self) -> dict[str, Any]:
        """Return the response body; `errors` is present only when there are any."""
        return {**self.processed, "message": "success", **({"errors": list(self.errors)} if self.errors else {})}


class ToIdentifySchema(RequestSchema):
    """The base of the objects of the three arrays."""

    external_id = ExternalIdText(required=True)


class AliasToIdentifySchema(ToIdentifySchema):
    """An alias, and the new external_id of its profile."""

    user_alias = Nested(UserAliasSchema, required=True)


class EmailToIdentifySchema(ToIdentifySchema):
    """An email address with its prioritization, and the new external_id of the selected profile."""

    email = EmailText(required=True)
    prioritization = Prioritization(required=True)


class PhoneToIdentifySchema(ToIdentifySchema):
    """A phone number with its prioritization, and the new external_id of the selected profile."""

    phone = PhoneText(required=True, least=1)
    prioritization = Prioritization(required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Array:
    """One of the three arrays."""

    schema: Schema
    #: Returns the identifier of a loaded object.
    identifier: Callable[[Mapping[str, Any]], Identifier]
    #: The member of the response that counts accepted objects.
    count: str


#: The arrays in the order of their objects.
ARRAYS: Mapping[str, _Array] = {
    "aliases_to_identify": _Array(
        schema=AliasToIdentifySchema(),
        identifier=lambda given: alias_of(given["user_alias"]),
        count="aliases_processed",
    ),
    "emails_to_identify": _Array(
        schema=EmailToIdentifySchema(),
        identifier=lambda given: Email(given["email"], given["prioritization"]),
        count="emails_processed",
    ),
    "phone_numbers_to_identify": _Array(
        schema=PhoneToIdentifySchema(),
        identifier=lambda given: identifying_phone(given["phone"], given["prioritization"]),
        count="phone_numbers_processed",
    ),
}


def _array_of(schema: type[Schema]) -> fields.List[Any]:
    return fields.List(fields.Nested(schema), validate=validate.Length(max=MAX_OBJECTS), allow_none=True)


class IdentifyRequestSchema(RequestSchema):
    """Profiles to identify, at most 50 in each array. One array is required. `merge_behavior` is ignored."""

    aliases_to_identify = _array_of(AliasToIdentifySchema)
    emails_to_identify = _array_of(EmailToIdentifySchema)
    phone_numbers_to_identify = _array_of(PhoneToIdentifySchema)


def load_identify(body: Any) -> IdentifyRequest:
    """Load an identify request from *body*; each object succeeds or fails by itself.

    Raises ValidationError when the body has none of the arrays, or one is no array or too long.
    """
    sent = {name: body[name] for name in ARRAYS if body.get(name) is not None} if isinstance(body, dict) else {}
    if not sent or not all(isinstance(objects, list) for objects in sent.values()):
        raise ValidationError(NOTHING_SENT)
    if any(len(objects) > MAX_OBJECTS for objects in sent.values()):
        raise ValidationError(TOO_MANY)
    places = [(name, given) for name, objects in sent.items() for given in objects]
    updates, errors = [], []
    for index, (name, given) in enumerate(places):
        try:
            updates.append(_update(name, given, index))
        except ValidationError as error:
            errors.append({"type": first_fault(error.messages), "input_array": INPUT_ARRAY, "index": index})
    processed = {ARRAYS[name].count: sum(update.input_array == name for update in updates) for name in sent}
    return IdentifyRequest(updates=tuple(updates), errors=tuple(errors), processed=processed)


def _update(name: str, given: Any, index: int) -> IdentifyUpdate:
    if not isinstance(given, dict):
        raise ValidationError(f"An object of '{name}' {NOT_AN_OBJECT}")
    loaded = ARRAYS[name].schema.load(given)
    return IdentifyUpdate(
        orphan=ARRAYS[name].identifier(loaded),
        survivor=ExternalId(loaded["external_id"]),
        index=index,
        input_array=name,
    )
