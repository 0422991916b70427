"""Exports of profiles: `/users/export/ids` by identifiers, and `GET /profiles` page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError, fields, post_load

from schemas.base import OPTIONAL, RequestSchema, ResponseSchema, success_message
from schemas.fields import ListOf, Nested, Text, first_fault
from schemas.identifier_fields import MAX_EMAIL, ExternalIdText
from schemas.identifiers import BrazeId, Email, ExternalId, Phone, UserAlias
from schemas.paging import NEXT, LimitQuery, ProfileCursor
from schemas.profile import EXPORTABLE, ProfileSchema
from schemas.targets import StoredAliasSchema, alias_of
from schemas.text import quoted

#: Maximum external ids, and aliases, of one request.
MAX_NAMED = 50
TOO_MANY = "The max number of external_ids and aliases per request was exceeded"
NO_IDENTIFIER = (
    "At least one of 'external_ids', 'user_aliases', 'device_id', 'braze_id', 'email_address' and 'phone' is required."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """The loaded identifiers of a request, and the requested fields."""

    #: External ids, aliases and a braze_id: each has at most one profile.
    named: Sequence[ExternalId | UserAlias | BrazeId]
    #: An email address and a phone number: each may have several profiles.
    shared: Sequence[Email | Phone]
    device_id: str | None
    #: None for all.
    fields: frozenset[str] | None


class ExportSchema(RequestSchema):
    """Identifiers of profiles. Unknown keys are ignored, such as the vendor's `callback_endpoint`."""

    external_ids = ListOf(ExternalIdText(stored=True), most=MAX_NAMED, too_many=TOO_MANY, allow_none=True)
    user_aliases = ListOf(Nested(StoredAliasSchema), most=MAX_NAMED, too_many=TOO_MANY, allow_none=True)
    braze_id = Text(allow_none=True)
    device_id = Text(allow_none=True)
    email_address = Text(most=MAX_EMAIL, allow_none=True)
    phone = Text(allow_none=True)
    fields_to_export = ListOf(fields.String(), most=len(EXPORTABLE), allow_none=True)

    @post_load
    def _to_request(self, given: dict[str, Any], **_: Any) -> ExportRequest:
        """Raise ValidationError when there is no identifier."""
        if not any(value for name, value in given.items() if name != "fields_to_export"):
            raise ValidationError(NO_IDENTIFIER)
        named = [
            *map(ExternalId, given.get("external_ids") or ()),
            *map(alias_of, given.get("user_aliases") or ()),
            *([BrazeId(given["braze_id"].lower())] if given.get("braze_id") else ()),
        ]
        shared: list[Email | Phone] = [
            *([Email(given["email_address"])] if given.get("email_address") else ()),
            *([Phone(given["phone"])] if given.get("phone") else ()),
        ]
        selected = given.get("fields_to_export")
        return ExportRequest(
            named=named,
            shared=shared,
            device_id=given.get("device_id") or None,
            fields=None if selected is None else frozenset(selected),
        )


class ExportedSchema(ResponseSchema):
    """The profiles, without members that have no value."""

    users = fields.List(fields.Nested(ProfileSchema))
    message = success_message()
    invalid_user_ids = fields.List(
        fields.String(), metadata={**OPTIONAL, "minItems": 1, "description": "External ids without a profile."}
    )
    truncated = fields.List(
        fields.String(metadata={"enum": ["email_address", "phone", "device_id"]}),
        metadata={
            **OPTIONAL,
            "minItems": 1,
            "description": "Identifiers with more profiles than the response shows. Only Mergelane has this member.",
        },
    )


class ProfilePageQuery(LimitQuery):
    """A page of profiles."""

    # A callable, so that the document shows no default: a client leaves the cursor out.
    cursor = ProfileCursor(load_default=int, metadata=NEXT)


class ProfilePageSchema(ResponseSchema):
    """A page of profiles, and where the next begins."""

    message = fields.Constant("success", metadata={"type": "string", "enum": ["success"]})
    profiles = fields.List(fields.Nested(ProfileSchema))
    next_cursor = ProfileCursor(allow_none=True)


EXPORT = ExportSchema()


def load_export(body: Any) -> ExportRequest:
    """Load an export request from *body*; raise ValidationError with one sentence for any fault."""
    if not isinstance(body, dict):
        raise ValidationError("The request body must be a JSON object.")
    try:
        request: ExportRequest = EXPORT.load(body)
    except ValidationError as error:
        raise ValidationError(first_fault(error.messages)) from None
    if unknown := sorted((request.fields or frozenset()) - EXPORTABLE):
        raise ValidationError(f"'fields_to_export' names '{quoted(unknown[0])}', which is no field of an export.")
    return request
