"""Targets: whom an object of `/users/track` means."""

from collections.abc import Mapping
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError

from schemas.fields import AliasText, BrazeIdText, EmailText, ExternalIdText, Nested, Text, Truth
from schemas.identifiers import BrazeId, Email, ExternalId, Phone, Target, UserAlias

#: Names that identify a profile by themselves; an object may give one of them at most.
PRIMARIES = ("external_id", "user_alias", "braze_id")

MISSING = "'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required"
SEVERAL = "Only one of 'external_id', 'user_alias' and 'braze_id' may be provided."


class UserAliasSchema(Schema):
    """An alias: a label, and a name that is unique under it."""

    class Meta:
        """Further keys say nothing."""

        unknown = EXCLUDE

    alias_name = AliasText(required=True)
    alias_label = AliasText(required=True)


class TargetSchema(Schema):
    """The keys by which an object names its profile."""

    class Meta:
        """Further keys say nothing."""

        unknown = EXCLUDE

    external_id = ExternalIdText(allow_none=True)
    user_alias = Nested(UserAliasSchema, allow_none=True)
    braze_id = BrazeIdText(allow_none=True)
    email = EmailText(allow_none=True)
    phone = Text(allow_none=True)
    _update_existing_only = Truth(allow_none=True)


def target_of(given: Mapping[str, Any]) -> Target:
    """Return whom the loaded object *given* means: its one primary identifier, else its email, else its phone.

    Raises ValidationError when it names nobody, or has several primary identifiers.
    """
    primaries = [name for name in PRIMARIES if given.get(name) is not None]
    if len(primaries) > 1:
        raise ValidationError(SEVERAL)
    if primaries:
        return _primary(primaries[0], given[primaries[0]])
    if given.get("email") is not None:
        return Email(given["email"])
    if given.get("phone", "") and given["phone"].strip():
        return Phone(given["phone"])
    raise ValidationError(MISSING)


def alias_of(given: Mapping[str, str]) -> UserAlias:
    """Return the loaded object *given* as an alias."""
    return UserAlias(label=given["alias_label"], name=given["alias_name"])


def may_create(target: Target, *, update_existing_only: bool | None, alias_creates: bool) -> bool:
    """Return whether a profile is made when *target* denotes none.

    The vendor's defaults: an external_id, an email or a phone creates unless `_update_existing_only` is true; an alias
    creates only among attributes (*alias_creates*), and only when `_update_existing_only` is sent as false. A braze_id
    is given by the server and so never creates.
    """
    match target:
        case BrazeId():
            return False
        case UserAlias():
            return alias_creates and update_existing_only is False
        case _:
            return not update_existing_only


def _primary(name: str, value: Any) -> Target:
    """Return the target that the primary identifier *name* gives."""
    if name == "external_id":
        return ExternalId(value)
    if name == "braze_id":
        return BrazeId(value)
    return alias_of(value)
