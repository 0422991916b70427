"""The body of `/users/alias/update`: aliases that get another name, each of which stands or falls by itself."""

from dataclasses import dataclass, field
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, post_load

from schemas.fields import AliasText, first_fault
from schemas.identifiers import UserAlias

#: Aliases that one request may rename.
MAX_UPDATES = 50
TOO_MANY = "The max number of external_ids and aliases per request was exceeded"
NOT_OBJECTS = "'alias_updates' must be an array of objects"


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasUpdate:
    """An alias, and the name that it is to have under its label."""

    old: UserAlias
    new_name: str

    @property
    def new(self) -> UserAlias:
        """The alias as it is to be."""
        return UserAlias(label=self.old.label, name=self.new_name)


@dataclass(kw_only=True)
class AliasUpdateRequest:
    """A request that has been read: the renamings asked for, in their order, and what was refused."""

    updates: list[AliasUpdate] = field(default_factory=list)
    #: `{"type": sentence, "input_array": "alias_updates", "index": place}` for each refused object.
    errors: list[dict[str, Any]] = field(default_factory=list)

    def answer(self) -> dict[str, Any]:
        """Return the body of the answer in the vendor's shape; its message is the first fault when all were refused."""
        message = self.errors[0]["type"] if self.errors and not self.updates else "success"
        errors = {"errors": self.errors} if self.errors else {}
        return {"aliases_processed": len(self.updates), "message": message, **errors}


class AliasUpdateSchema(Schema):
    """An object of `alias_updates`."""

    class Meta:
        """Further keys say nothing."""

        unknown = EXCLUDE

    alias_label = AliasText(required=True)
    old_alias_name = AliasText(required=True)
    new_alias_name = AliasText(required=True)

    @post_load
    def _to_update(self, given: dict[str, Any], **_: Any) -> AliasUpdate:
        """Return *given* as a renaming."""
        old = UserAlias(label=given["alias_label"], name=given["old_alias_name"])
        return AliasUpdate(old=old, new_name=given["new_alias_name"])


ALIAS_UPDATE = AliasUpdateSchema()


def load_alias_updates(body: Any) -> AliasUpdateRequest:
    """Return what *body* asks for. Raises ValidationError when there is no array, or it is too long."""
    array = body.get("alias_updates") if isinstance(body, dict) else None
    if not isinstance(array, list):
        raise ValidationError(NOT_OBJECTS)
    if len(array) > MAX_UPDATES:
        raise ValidationError(TOO_MANY)
    loaded = AliasUpdateRequest()
    for index, given in enumerate(array):
        try:
            loaded.updates.append(_update(given))
        except ValidationError as error:
            fault = {"type": first_fault(error.messages), "input_array": "alias_updates", "index": index}
            loaded.errors.append(fault)
    return loaded


def _update(given: Any) -> AliasUpdate:
    """Return the renaming that *given* asks for; raise ValidationError when it asks for none."""
    if not isinstance(given, dict):
        raise ValidationError(NOT_OBJECTS)
    update: AliasUpdate = ALIAS_UPDATE.load(given)
    return update
