"""The body of `/users/delete`: whose profiles are to be deleted, by any of their identifiers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, post_load

from schemas.fields import MAX_EMAIL, ExternalIdText, ListOf, Nested, Text, first_fault
from schemas.identifiers import BrazeId, Email, ExternalId, Phone, UserAlias
from schemas.prioritization_checks import Prioritization
from schemas.targets import UserAliasSchema, alias_of

#: Identifiers that one request may hold, over all of its arrays.
MAX_DELETED = 50
TOO_MANY = "The max number of ids per request was exceeded"
NOBODY = (
    "At least one of 'external_ids', 'user_aliases', 'braze_ids', 'email_addresses' and 'phone_numbers' is required."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """A request that has been read: whose profiles are to be deleted."""

    #: Each means one profile at most.
    named: Sequence[ExternalId | UserAlias | BrazeId]
    #: Each may be shared; its prioritization must leave exactly one profile.
    shared: Sequence[Email | Phone]

    def answer(self) -> dict[str, Any]:
        """Return the body of the answer: as at the vendor, identifiers that mean nobody are counted."""
        return {"deleted": len(self.named) + len(self.shared), "message": "success"}


class EmailToDelete(Schema):
    """An object of `email_addresses`."""

    class Meta:
        """Further keys say nothing."""

        unknown = EXCLUDE

    email = Text(required=True, least=1, most=MAX_EMAIL)
    prioritization = Prioritization(required=True)


class PhoneToDelete(Schema):
    """An object of `phone_numbers`."""

    class Meta:
        """Further keys say nothing."""

        unknown = EXCLUDE

    phone = Text(required=True, least=1)
    prioritization = Prioritization(required=True)


class DeletionSchema(Schema):
    """The body of a deletion."""

    class Meta:
        """Further keys say nothing."""

        unknown = EXCLUDE

    external_ids = ListOf(ExternalIdText(), most=MAX_DELETED, too_many=TOO_MANY, allow_none=True)
    user_aliases = ListOf(Nested(UserAliasSchema), most=MAX_DELETED, too_many=TOO_MANY, allow_none=True)
    braze_ids = ListOf(Text(), most=MAX_DELETED, too_many=TOO_MANY, allow_none=True)
    email_addresses = ListOf(Nested(EmailToDelete), most=MAX_DELETED, too_many=TOO_MANY, allow_none=True)
    phone_numbers = ListOf(Nested(PhoneToDelete), most=MAX_DELETED, too_many=TOO_MANY, allow_none=True)

    @post_load
    def _to_deletion(self, given: dict[str, Any], **_: Any) -> Deletion:
        """Return *given* as a deletion; raise ValidationError when it names nobody, or too many."""
        sent = sum(len(array or ()) for array in given.values())
        if not sent:
            raise ValidationError(NOBODY)
        if sent > MAX_DELETED:
            raise ValidationError(TOO_MANY)
        return Deletion(
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


DELETION = DeletionSchema()


def load_deletion(body: Any) -> Deletion:
    """Return what *body* asks for. Raises ValidationError with one sentence when anything in it is at fault.

    Nothing is deleted of a request that cannot be understood whole.
    """
    if not isinstance(body, dict):
        raise ValidationError("The request body must be a JSON object.")
    try:
        deletion: Deletion = DELETION.load(body)
    except ValidationError as error:
        raise ValidationError(first_fault(error.messages)) from None
    return deletion
