"""The body of `/users/export/ids`: whose profiles are asked for, and which of their fields."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load

from schemas.fields import MAX_EMAIL, ExternalIdText, ListOf, Nested, Text, first_fault
from schemas.identifiers import BrazeId, Email, ExternalId, Phone, UserAlias
from schemas.profile import EXPORTABLE
from schemas.targets import UserAliasSchema, alias_of
from schemas.text import quoted

#: External ids, and aliases, that one request may name.
MAX_NAMED = 50
TOO_MANY = "The max number of external_ids and aliases per request was exceeded"
NOBODY = (
    "At least one of 'external_ids', 'user_aliases', 'device_id', 'braze_id', 'email_address' and 'phone' is required."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """Whose profiles are asked for, in order, and which of their fields."""

    #: External ids, aliases and a braze_id: each means one profile at most.
    named: Sequence[ExternalId | UserAlias | BrazeId]
    #: An email address and a phone number: every profile that has it.
    shared: Sequence[Email | Phone]
    device_id: str | None
    #: None for all.
    fields: frozenset[str] | None


class ExportSchema(Schema):
    """The body of an export."""

    class Meta:
        """Further keys, such as the vendor's `callback_endpoint`, say nothing."""

        unknown = EXCLUDE

    external_ids = ListOf(ExternalIdText(), most=MAX_NAMED, too_many=TOO_MANY, allow_none=True)
    user_aliases = ListOf(Nested(UserAliasSchema), most=MAX_NAMED, too_many=TOO_MANY, allow_none=True)
    braze_id = Text(allow_none=True)
    device_id = Text(allow_none=True)
    email_address = Text(most=MAX_EMAIL, allow_none=True)
    phone = Text(allow_none=True)
    fields_to_export = ListOf(fields.String(), most=len(EXPORTABLE), allow_none=True)

    @post_load
    def _to_request(self, given: dict[str, Any], **_: Any) -> ExportRequest:
        """Return *given* as a request; raise ValidationError when it asks for nobody."""
        if not any(value for name, value in given.items() if name != "fields_to_export"):
            raise ValidationError(NOBODY)
        named = [
            *map(ExternalId, given.get("external_ids") or ()),
            *map(alias_of, given.get("user_aliases") or ()),
            *([BrazeId(given["braze_id"].lower())] if given.get("braze_id") else ()),
        ]
        shared: list[Email | Phone] = [
            *([Email(given["email_address"])] if given.get("email_address") else ()),
            *([Phone(given["phone"])] if given.get("phone") else ()),
        ]
        wanted = given.get("fields_to_export")
        return ExportRequest(
            named=named,
            shared=shared,
            device_id=given.get("device_id") or None,
            fields=None if wanted is None else frozenset(wanted),
        )


EXPORT = ExportSchema()


def load_export(body: Any) -> ExportRequest:
    """Return what *body* asks for. Raises ValidationError with one sentence when it asks for nobody, or wrongly."""
    if not isinstance(body, dict):
        raise ValidationError("The request body must be a JSON object.")
    try:
        request: ExportRequest = EXPORT.load(body)
    except ValidationError as error:
        raise ValidationError(first_fault(error.messages)) from None
    if unknown := sorted((request.fields or frozenset()) - EXPORTABLE):
        raise ValidationError(f"'fields_to_export' names '{quoted(unknown[0])}', which is no field of an export.")
    return request
