"""The body of `/users/delete`: identifiers of the profiles to delete."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError, post_load

from schemas.base import (
    ObjectPlace,
    RequestSchema,
    ResponseSchema,
    count_field,
    success_message,
    warnings_field,
)
from schemas.fields import ListOf, Nested, Text, first_fault
from schemas.identifier_fields import MAX_EMAIL, ExternalIdText
from schemas.identifiers import BrazeId, Email, ExternalId, Phone, UserAlias
from schemas.prioritization import Prioritization
from schemas.targets import StoredAliasSchema, alias_of

#: Maximum identifiers of one request, over all of its arrays.
MAX_DELETED = 50
TOO_MANY = "The max number of ids per request was exceeded"
#: The arrays of identifiers, in the order of `Deletion.targets`.
ARRAYS = ("external_ids", "user_aliases", "braze_ids", "email_addresses", "phone_numbers")
NO_IDENTIFIER = (
    "At least one of 'external_ids', 'user_aliases', 'braze_ids', 'email_addresses' and 'phone_numbers' is required."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """The loaded identifiers of a request."""

    #: Each has at most one profile.
    named: Sequence[ExternalId | UserAlias | BrazeId]
    #: Each may be shared; its prioritization must leave exactly one profile.
    shared: Sequence[Email | Phone]
    #: The place of each of *targets* in the request.
    places: Sequence[ObjectPlace]

    @property
    def targets(self) -> Sequence[ExternalId | UserAlias | BrazeId | Email | Phone]:
        """All identifiers."""
        return [*self.named, *self.shared]

    def answer(self, skipped: Mapping[int, str] | None = None) -> dict[str, Any]:
        """Return the response body; *skipped* are the positions in *targets* that deleted nothing, with the reasons.

        As at the vendor they count, except for braze_ids.
        """
        reasons = sorted((skipped or {}).items())
        targets = self.targets
        deleted = len(targets) - sum(isinstance(targets[position], BrazeId) for position, _ in reasons)
        warnings = [self.places[position].remark(reason) for position, reason in reasons]
        return {"deleted": deleted, "message": "success", **({"warnings": warnings} if warnings else {})}


class EmailToDeleteSchema(RequestSchema):
    """An email address, and the prioritization that selects one of its profiles."""

    email = Text(required=True, least=1, most=MAX_EMAIL)
    prioritization = Prioritization(required=True)


class PhoneToDeleteSchema(RequestSchema):
    """A phone number, and the prioritization that selects one of its profiles."""

    phone = Text(required=True, least=1)
    prioritization = Prioritization(required=True)


class DeletionSchema(RequestSchema):
    """Identifiers of the profiles to delete, at most 50 in all arrays."""

    external_ids = ListOf(ExternalIdText(stored=True), most=MAX_DELETED, too_many=TOO_MANY, allow_none=True)
    user_aliases = ListOf(Nested(StoredAliasSchema), most=MAX_DELETED, too_many=TOO_MANY, allow_none=True)
    braze_ids = ListOf(Text(), most=MAX_DELETED, too_many=TOO_MANY, allow_none=True)
    email_addresses = ListOf(Nested(EmailToDeleteSchema), most=MAX_DELETED, too_many=TOO_MANY, allow_none=True)
    phone_numbers = ListOf(Nested(PhoneToDeleteSchema), most=MAX_DELETED, too_many=TOO_MANY, allow_none=True)

    @post_load
    def _to_deletion(self, given: dict[str, Any], **_: Any) -> Deletion:
        """Raise ValidationError when there is no identifier, or there are too many."""
        sent = sum(len(array or ()) for array in given.values())
        if not sent:
            raise ValidationError(NO_IDENTIFIER)
        if sent > MAX_DELETED:
            raise ValidationError(TOO_MANY)
        return Deletion(
            places=[ObjectPlace(name, index) for name in ARRAYS for index in range(len(given.get(name) or ()))],
            named=[
                *map(ExternalId, given.get("external_ids") or ()),
                *map(alias_of, given.get("user_aliases") or ()),
                *(BrazeId(braze_id.lower()) for braze_id in given.get("braze_ids") or ()),
            ],
            shared=[
                *(Email(each["email"], each["prioritization"]) for each in given.get("email_addresses") or ()),
                *(Phone(each["phone"], each["prioritization"]) for each in given.get("phone_numbers") or ()),
            ],
        )


class DeletedSchema(ResponseSchema):
    """The number of identifiers in the request. Of identifiers without a profile, only braze_ids do not count."""

    deleted = count_field()
    message = success_message()
    warnings = warnings_field()


DELETION = DeletionSchema()


def load_deletion(body: Any) -> Deletion:
    """Load a deletion from *body*; raise ValidationError with one sentence for any fault."""
    if not isinstance(body, dict):
        raise ValidationError("The request body must be a JSON object.")
    try:
        deletion: Deletion = DELETION.load(body)
    except ValidationError as error:
        raise ValidationError(first_fault(error.messages)) from None
    return deletion
