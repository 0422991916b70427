"""The bodies of `/users/alias/new` and `/users/alias/update`. Each object succeeds or fails by itself."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, pre_load, validate

from schemas.base import (
    OPTIONAL,
    RequestSchema,
    ResponseSchema,
    count_field,
    refused_objects,
    success_message,
    warnings_field,
)
from schemas.fields import Text, first_fault
from schemas.identifier_fields import AliasText, BrazeIdText, ExternalIdText
from schemas.identifiers import BrazeId, DeviceId, ExternalId, UserAlias
from schemas.placeholders import check_real

#: Maximum aliases of one request.
MAX_ALIASES = 50
TOO_MANY = "The max number of external_ids and aliases per request was exceeded"
#: The keys that name the owner of a new alias. Of several, the first one counts.
OWNERS: Mapping[str, type[ExternalId | BrazeId | DeviceId]] = {
    "external_id": ExternalId,
    "braze_id": BrazeId,
    "device_id": DeviceId,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAlias:
    """An alias for the profile that *owner* names; without an owner, for a new profile."""

    alias: UserAlias
    owner: ExternalId | BrazeId | DeviceId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasUpdate:
    """An alias, and its new name under the same label."""

    old: UserAlias
    new_name: str

    @property
    def new(self) -> UserAlias:
        """The alias with its new name."""
        return UserAlias(label=self.old.label, name=self.new_name)


@dataclass(kw_only=True)
class AliasRequest:
    """The loaded objects of a request for new aliases, and the refused ones."""

    aliases: list[NewAlias] = field(default_factory=list)
    #: The index in the request of each of *aliases*.
    indexes: list[int] = field(default_factory=list)
    #: `{"type": sentence, "input_array": name, "index": place}` for each refused object.
    errors: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, skipped: Mapping[int, str] | None = None, *, uncounted: int = 0) -> dict[str, Any]:
        """Return the response body; the message is the first fault when all objects were refused.

        *skipped* are the positions in *aliases* of those without effect, with the reasons. As at the vendor they count,
        except for *uncounted* of them, whose braze_id names no profile.
        """
        warnings = _warnings("user_aliases", self.indexes, skipped or {})
        return _response(len(self.aliases) - uncounted, self.errors, warnings, refused=not self.aliases)


@dataclass(kw_only=True)
class AliasUpdateRequest:
    """The loaded objects of a request for alias updates, and the refused ones."""

    updates: list[AliasUpdate] = field(default_factory=list)
    #: The index in the request of each of *updates*.
    indexes: list[int] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, skipped: Mapping[int, str] | None = None) -> dict[str, Any]:
        """Return the response body, as AliasRequest.answer does."""
        warnings = _warnings("alias_updates", self.indexes, skipped or {})
        return _response(len(self.updates), self.errors, warnings, refused=not self.updates)


class NewAliasSchema(RequestSchema):
    """A new alias: of the profile with the external_id, the braze_id or the device, or of a new profile."""

    external_id = ExternalIdText(allow_none=True)
    braze_id = BrazeIdText(
        allow_none=True, metadata={"description": "Without an external_id: the profile with this braze_id."}
    )
    device_id = Text(
        least=1,
        allow_none=True,
        metadata={
            "description": "Without an external_id or braze_id: the unidentified profile with this device. Only"
            " Mergelane has it."
        },
    )
    alias_name = AliasText(required=True)
    alias_label = AliasText(required=True)

    @pre_load
    def _unwrap(self, given: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Unwrap `{"user_alias": {…}}`, which some clients send, and keep only the first kind of owner."""
        wrapped = given.get("user_alias")
        flat = {**given, **wrapped} if isinstance(wrapped, dict) else given
        named = [name for name in OWNERS if flat.get(name) is not None]
        return {**flat, **dict.fromkeys(named[1:])}

    @post_load
    def _to_alias(self, given: dict[str, Any], **_: Any) -> NewAlias:
        alias = UserAlias(label=given["alias_label"], name=given["alias_name"])
        named = [(name, given[name]) for name in OWNERS if given.get(name) is not None]
        return NewAlias(alias=alias, owner=OWNERS[named[0][0]](named[0][1]) if named else None)


class AliasUpdateSchema(RequestSchema):
    """A new name for an alias under its label."""

    alias_label = AliasText(stored=True, required=True)
    old_alias_name = AliasText(stored=True, required=True)
    new_alias_name = AliasText(required=True)

    @post_load
    def _to_update(self, given: dict[str, Any], **_: Any) -> AliasUpdate:
        old = UserAlias(label=given["alias_label"], name=given["old_alias_name"])
        return AliasUpdate(old=old, new_name=given["new_alias_name"])


class NewAliasesSchema(RequestSchema):
    """New aliases."""

    user_aliases = fields.List(fields.Nested(NewAliasSchema), required=True, validate=validate.Length(max=MAX_ALIASES))


class AliasUpdatesSchema(RequestSchema):
    """Aliases to rename."""

    alias_updates = fields.List(
        fields.Nested(AliasUpdateSchema), required=True, validate=validate.Length(max=MAX_ALIASES)
    )


class AliasesProcessedSchema(ResponseSchema):
    """The number of valid objects, the refused ones, and the valid ones without effect.

    An object whose braze_id names no profile does not count.
    """

    aliases_processed = count_field()
    message = success_message()
    errors = refused_objects()
    warnings = warnings_field()


class AliasesRefusedSchema(ResponseSchema):
    """No object was accepted; nothing changed."""

    aliases_processed = count_field(metadata=OPTIONAL)
    message = fields.String()
    errors = refused_objects()


_NEW_ALIAS = NewAliasSchema()
_ALIAS_UPDATE = AliasUpdateSchema()


def load_aliases(body: Any, *, placeholders: Collection[str] = frozenset()) -> AliasRequest:
    """Load new aliases from *body*; an object that names one of *placeholders* is refused.

    Raises ValidationError when the body has no array, or one that is too long.
    """

    def check(new: NewAlias) -> None:
        check_real(new.alias, placeholders, name="alias_name")
        for name, kind in OWNERS.items():
            if isinstance(new.owner, kind):
                check_real(new.owner, placeholders, name=name)

    request = AliasRequest()
    request.indexes = _load_each(
        body, "user_aliases", _NEW_ALIAS, check=check, loaded=request.aliases, errors=request.errors
    )
    return request


def load_alias_updates(body: Any, *, placeholders: Collection[str] = frozenset()) -> AliasUpdateRequest:
    """Load alias updates from *body*; a new name among *placeholders* is refused.

    Raises ValidationError when the body has no array, or one that is too long.
    """

    def check(update: AliasUpdate) -> None:
        check_real(update.new, placeholders, name="new_alias_name")

    request = AliasUpdateRequest()
    request.indexes = _load_each(
        body, "alias_updates", _ALIAS_UPDATE, check=check, loaded=request.updates, errors=request.errors
    )
    return request


def _load_each(
    body: Any,
    name: str,
    schema: Schema,
    *,
    check: Callable[[Any], None],
    loaded: list[Any],
    errors: list[dict[str, Any]],
) -> list[int]:
    """Load the objects of the array *name* of *body* into *loaded*, and the faults of others into *errors*.

    *check* raises ValidationError for a loaded object to refuse. Return the index of each loaded object.
    """
    indexes: list[int] = []
    not_objects = f"'{name}' must be an array of objects"
    array = body.get(name) if isinstance(body, dict) else None
    if not isinstance(array, list):
        raise ValidationError(not_objects)
    if len(array) > MAX_ALIASES:
        raise ValidationError(TOO_MANY)
    for index, given in enumerate(array):
        try:
            if not isinstance(given, dict):
                raise ValidationError(not_objects)  # noqa: TRY301  reported like any other fault of the object
            entry = schema.load(given)
            check(entry)
            loaded.append(entry)
            indexes.append(index)
        except ValidationError as error:
            errors.append({"type": first_fault(error.messages), "input_array": name, "index": index})
    return indexes


def _warnings(name: str, indexes: Sequence[int], skipped: Mapping[int, str]) -> list[dict[str, Any]]:
    """Return the warnings for the *skipped* objects of the array *name*: reasons by position among the valid ones."""
    return [
        {"type": reason, "input_array": name, "index": indexes[position]}
        for position, reason in sorted(skipped.items())
    ]


def _response(
    processed: int, errors: list[dict[str, Any]], warnings: list[dict[str, Any]], *, refused: bool
) -> dict[str, Any]:
    """Return the response body; *refused* says that no object is valid."""
    message = errors[0]["type"] if errors and refused else "success"
    remarks = {"errors": errors, "warnings": warnings}
    return {"aliases_processed": processed, "message": message, **{key: each for key, each in remarks.items() if each}}
