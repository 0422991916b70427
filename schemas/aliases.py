"""The body of `/users/alias/new`: aliases for profiles, each of which stands or falls by itself."""

from dataclasses import dataclass, field
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, post_load, pre_load

from schemas.fields import AliasText, ExternalIdText, first_fault
from schemas.identifiers import UserAlias

#: Aliases that one request may create.
MAX_ALIASES = 50
TOO_MANY = "The max number of external_ids and aliases per request was exceeded"
NOT_OBJECTS = "'user_aliases' must be an array of objects"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAlias:
    """An alias to be given to the profile with *external_id*, or to a profile of its own."""

    alias: UserAlias
    external_id: str | None


@dataclass(kw_only=True)
class AliasRequest:
    """A request that has been read: the aliases asked for, and what was refused."""

    aliases: list[NewAlias] = field(default_factory=list)
    #: `{"type": sentence, "input_array": "user_aliases", "index": place}` for each refused object.
    errors: list[dict[str, Any]] = field(default_factory=list)

    def answer(self) -> dict[str, Any]:
        """Return the body of the answer in the vendor's shape; its message is the first fault when all were refused."""
        message = self.errors[0]["type"] if self.errors and not self.aliases else "success"
        errors = {"errors": self.errors} if self.errors else {}
        return {"aliases_processed": len(self.aliases), "message": message, **errors}


class NewAliasSchema(Schema):
    """An object of `user_aliases`."""

    class Meta:
        """Further keys say nothing."""

        unknown = EXCLUDE

    external_id = ExternalIdText(allow_none=True)
    alias_name = AliasText(required=True)
    alias_label = AliasText(required=True)

    @pre_load
    def _unwrap(self, given: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return *given* with an alias that some clients wrap, `{"user_alias": {…}}`, unwrapped."""
        wrapped = given.get("user_alias")
        return {**given, **wrapped} if isinstance(wrapped, dict) else given

    @post_load
    def _to_alias(self, given: dict[str, Any], **_: Any) -> NewAlias:
        """Return *given* as an alias."""
        alias = UserAlias(label=given["alias_label"], name=given["alias_name"])
        return NewAlias(alias=alias, external_id=given.get("external_id"))


NEW_ALIAS = NewAliasSchema()


def load_aliases(body: Any) -> AliasRequest:
    """Return the aliases that *body* asks for. Raises ValidationError when there is no array, or it is too long."""
    array = body.get("user_aliases") if isinstance(body, dict) else None
    if not isinstance(array, list):
        raise ValidationError(NOT_OBJECTS)
    if len(array) > MAX_ALIASES:
        raise ValidationError(TOO_MANY)
    loaded = AliasRequest()
    for index, given in enumerate(array):
        try:
            loaded.aliases.append(_alias(given))
        except ValidationError as error:
            fault = {"type": first_fault(error.messages), "input_array": "user_aliases", "index": index}
            loaded.errors.append(fault)
    return loaded


def _alias(given: Any) -> NewAlias:
    """Return the alias that *given* asks for; raise ValidationError when it asks for none."""
    if not isinstance(given, dict):
        raise ValidationError(NOT_OBJECTS)
    alias: NewAlias = NEW_ALIAS.load(given)
    return alias
