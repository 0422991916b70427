"""`/duplicates/exclusions`: pairs of profiles that are not a match."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from schemas.audit import AuditKeySchema
from schemas.base import Instant, ResponseSchema, StrictRequestSchema
from schemas.fields import Nested, Text, first_fault
from schemas.identifier_fields import BrazeIdText, ExternalIdText
from schemas.identifiers import BrazeId, ExternalId, UserAlias
from schemas.paging import Cursor
from schemas.targets import StoredAliasSchema, alias_of

#: Maximum exclusions of one request.
MAX_EXCLUSIONS = 50
#: Maximum characters of a reason.
MAX_REASON = 500
NO_EXCLUSIONS = f"'exclusions' must be an array of 1 to {MAX_EXCLUSIONS} objects"
ONE_IDENTIFIER = "must have exactly one of 'external_id', 'user_alias' and 'braze_id'"
TWO_PROFILES = "must be an array of two objects"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedExclusion:
    """Two identifiers of profiles that are not a match, and the reason."""

    profiles: tuple[ExternalId | UserAlias | BrazeId, ...]
    reason: str | None


class _NamedKeys(StrictRequestSchema):
    error_messages = {"unknown": "is no key of this object"}  # noqa: RUF012  marshmallow's own way to set them


class ExcludedTargetSchema(_NamedKeys):
    """A profile, identified in exactly one way."""

    external_id = ExternalIdText(stored=True)
    user_alias = Nested(StoredAliasSchema)
    braze_id = BrazeIdText()

    @post_load
    def _to_target(self, given: dict[str, Any], **_: Any) -> ExternalId | UserAlias | BrazeId:
        if len(given) != 1:
            raise ValidationError(ONE_IDENTIFIER)
        if "external_id" in given:
            return ExternalId(given["external_id"])
        return BrazeId(given["braze_id"]) if "braze_id" in given else alias_of(given["user_alias"])


class RequestedExclusionSchema(_NamedKeys):
    """Two profiles that are not a match; their order has no meaning."""

    profiles = fields.List(
        Nested(ExcludedTargetSchema),
        required=True,
        validate=validate.Length(equal=2, error=TWO_PROFILES),
        error_messages={"required": "is required", "null": TWO_PROFILES, "invalid": TWO_PROFILES},
    )
    reason = Text(
        allow_none=True, most=MAX_REASON, metadata={"description": "For people; the list and the audit show it."}
    )

    @post_load
    def _to_exclusion(self, given: dict[str, Any], **_: Any) -> RequestedExclusion:
        return RequestedExclusion(profiles=tuple(given["profiles"]), reason=given.get("reason"))


class ExclusionsSchema(_NamedKeys):
    """Pairs of profiles that duplicate runs leave alone."""

    exclusions = fields.List(
        Nested(RequestedExclusionSchema),
        required=True,
        validate=validate.Length(1, MAX_EXCLUSIONS, error=NO_EXCLUSIONS),
        error_messages=dict.fromkeys(("required", "null", "invalid"), NO_EXCLUSIONS),
    )


class ExcludedProfileSchema(ResponseSchema):
    """A profile of an exclusion; `merged_into` is the braze_id of the live profile that it is now part of."""

    braze_id = fields.String()
    merged_into = fields.String(allow_none=True)


class ExclusionSchema(ResponseSchema):
    """Two profiles that are not a match, and who recorded it: a key, or the undo of a merge."""

    exclusion_id = fields.UUID(attribute="id")
    profiles = fields.List(fields.Nested(ExcludedProfileSchema))
    reason = fields.String(allow_none=True)
    created_at = Instant()
    key = fields.Nested(AuditKeySchema, allow_none=True)
    undo_job_id = fields.UUID(allow_none=True)


class StoredExclusionsSchema(ResponseSchema):
    """The stored exclusions, in the order of the request."""

    exclusions = fields.List(fields.Nested(ExclusionSchema))


class ExclusionPageSchema(StoredExclusionsSchema):
    """A page of exclusions, and where the next begins."""

    next_cursor = Cursor(allow_none=True)


_EXCLUSIONS = ExclusionsSchema()


def load_exclusions(body: Any) -> list[RequestedExclusion]:
    """Load the exclusions of *body*; raise ValidationError with one sentence for the first fault."""
    if not isinstance(body, Mapping):
        raise ValidationError("The request body must be a JSON object.")
    try:
        given: dict[str, Any] = _EXCLUSIONS.load(body)
    except ValidationError as error:
        raise ValidationError(first_fault(error.messages)) from None
    exclusions: list[RequestedExclusion] = given["exclusions"]
    return exclusions
