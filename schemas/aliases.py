"""The bodies of `/users/alias/new` and `/users/alias/update`. Each object succeeds or fails by itself."""

from dataclasses import dataclass, field
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, pre_load, validate

from schemas.base import OPTIONAL, RequestSchema, ResponseSchema, count_field, refused_objects, success_message
from schemas.fields import AliasText, ExternalIdText, first_fault
from schemas.identifiers import UserAlias

#: Maximum aliases of one request.
MAX_ALIASES = 50
TOO_MANY = "The max number of external_ids and aliases per request was exceeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAlias:
    """An alias for the profile with *external_id*; without one, for a profile of its own."""

    alias: UserAlias
    external_id: str | None


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
    #: `{"type": sentence, "input_array": name, "index": place}` for each refused object.
    errors: list[dict[str, Any]] = field(default_factory=list)

    def answer(self) -> dict[str, Any]:
        """Return the response body; the message is the first fault when all objects were refused."""
        return _response(len(self.aliases), self.errors)


@dataclass(kw_only=True)
class AliasUpdateRequest:
    """The loaded objects of a request for alias updates, and the refused ones."""

    updates: list[AliasUpdate] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)

    def answer(self) -> dict[str, Any]:
        """Return the response body; the message is the first fault when all objects were refused."""
        return _response(len(self.updates), self.errors)


class NewAliasSchema(RequestSchema):
    """A new alias: of the profile with the external_id, or of a new profile."""

    external_id = ExternalIdText(allow_none=True)
    alias_name = AliasText(required=True)
    alias_label = AliasText(required=True)

    @pre_load
    def _unwrap(self, given: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Unwrap `{"user_alias": {…}}`, which some clients send."""
        wrapped = given.get("user_alias")
        return {**given, **wrapped} if isinstance(wrapped, dict) else given

    @post_load
    def _to_alias(self, given: dict[str, Any], **_: Any) -> NewAlias:
        alias = UserAlias(label=given["alias_label"], name=given["alias_name"])
        return NewAlias(alias=alias, external_id=given.get("external_id"))


class AliasUpdateSchema(RequestSchema):
    """A new name for an alias under its label."""

    alias_label = AliasText(required=True)
    old_alias_name = AliasText(required=True)
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
    """The number of accepted aliases, and the refused objects."""

    aliases_processed = count_field()
    message = success_message()
    errors = refused_objects()


class AliasesRefusedSchema(ResponseSchema):
    """No object was accepted; nothing changed."""

    aliases_processed = count_field(metadata=OPTIONAL)
    message = fields.String()
    errors = refused_objects()


_NEW_ALIAS = NewAliasSchema()
_ALIAS_UPDATE = AliasUpdateSchema()


def load_aliases(body: Any) -> AliasRequest:
    """Load new aliases from *body*; raise ValidationError when it has no array, or one that is too long."""
    request = AliasRequest()
    _load_each(body, "user_aliases", _NEW_ALIAS, loaded=request.aliases, errors=request.errors)
    return request


def load_alias_updates(body: Any) -> AliasUpdateRequest:
    """Load alias updates from *body*; raise ValidationError when it has no array, or one that is too long."""
    request = AliasUpdateRequest()
    _load_each(body, "alias_updates", _ALIAS_UPDATE, loaded=request.updates, errors=request.errors)
    return request


def _load_each(body: Any, name: str, schema: Schema, *, loaded: list[Any], errors: list[dict[str, Any]]) -> None:
    """Load the objects of the array *name* of *body* into *loaded*, and the faults of others into *errors*."""
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
            loaded.append(schema.load(given))
        except ValidationError as error:
            errors.append({"type": first_fault(error.messages), "input_array": name, "index": index})


def _response(processed: int, errors: list[dict[str, Any]]) -> dict[str, Any]:
    message = errors[0]["type"] if errors and not processed else "success"
    return {"aliases_processed": processed, "message": message, **({"errors": errors} if errors else {})}
