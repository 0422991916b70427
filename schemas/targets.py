"""Identifiers as requests write them, and the target of an object of `/users/track`."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validate

from schemas.addresses import phone_fault
from schemas.base import RequestSchema, ResponseSchema, StrictRequestSchema
from schemas.departures import Departure, departure_sentence
from schemas.fields import Nested, Switch, Text
from schemas.identifier_fields import AliasText, BrazeIdText, EmailText, ExternalIdText, PhoneText
from schemas.identifiers import (
    MAX_ALIAS_BYTES,
    MAX_EXTERNAL_ID_BYTES,
    BrazeId,
    DeviceId,
    Email,
    ExternalId,
    Phone,
    Target,
    UserAlias,
)
from schemas.priorities import Priority
from schemas.prioritization import Prioritization

#: Maximum bytes of an email address or phone number that is looked up.
MAX_ADDRESS_BYTES = 320
#: Keys that identify one profile; an object may have at most one of them.
PRIMARIES = ("external_id", "user_alias", "braze_id")

MISSING = "'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required"
SEVERAL = "Only one of 'external_id', 'user_alias' and 'braze_id' may be provided."


def _text(most: int, **metadata: str) -> fields.String:
    return fields.String(required=True, validate=validate.Length(max=most), metadata=metadata)


class UserAliasSchema(RequestSchema):
    """An alias: a label, and a name that is unique under it."""

    alias_name = AliasText(required=True)
    alias_label = AliasText(required=True)


class StoredAliasSchema(RequestSchema):
    """A stored alias, which may have been written before invisible characters were refused."""

    alias_name = AliasText(required=True, stored=True)
    alias_label = AliasText(required=True, stored=True)


# The schemas of the identifiers of merges only describe them: `schemas/merge.py` checks them in the vendor's order.


class ExternalIdIdentifierSchema(StrictRequestSchema):
    """The profile with an external_id."""

    external_id = _text(MAX_EXTERNAL_ID_BYTES)
    prioritization = fields.Raw(metadata={"description": "Ignored."})


class ExactAliasSchema(StrictRequestSchema):
    """An alias in an identifier of a merge; both values are compared exactly."""

    alias_name = _text(MAX_ALIAS_BYTES)
    alias_label = _text(MAX_ALIAS_BYTES)


class AliasIdentifierSchema(StrictRequestSchema):
    """The profile with an alias."""

    user_alias = Nested(ExactAliasSchema, required=True)
    prioritization = fields.Raw(metadata={"description": "Ignored."})


class EmailIdentifierSchema(StrictRequestSchema):
    """The profile that the prioritization selects among those with an email address."""

    email = _text(MAX_ADDRESS_BYTES, description=EmailText.json_schema["description"])
    prioritization = Prioritization(required=True)


class PhoneIdentifierSchema(StrictRequestSchema):
    """The profile that the prioritization selects among those with a phone number."""

    phone = _text(MAX_ADDRESS_BYTES, description="Compared in E.164 form. A number without one identifies no profile.")
    prioritization = Prioritization(required=True)


class IdentifierSchema(RequestSchema):
    """A profile, identified in exactly one way."""

    one_of = (ExternalIdIdentifierSchema, AliasIdentifierSchema, EmailIdentifierSchema, PhoneIdentifierSchema)


class EmailDuplicateSchema(ResponseSchema):
    """A profile in a job of a duplicate run; valid while it has the email address and `identified` is unchanged."""

    braze_id = fields.String()
    email = fields.String()
    identified = fields.Boolean()


class PhoneDuplicateSchema(ResponseSchema):
    """A profile in a job of a duplicate run; valid while it has the phone number and `identified` is unchanged."""

    braze_id = fields.String()
    phone = fields.String()
    identified = fields.Boolean()


class ErasedIdentifierSchema(ResponseSchema):
    """An identifier of a deleted person: an empty object."""

    json_schema = {"maxProperties": 0}  # noqa: RUF012  not written to


class RecordedIdentifierSchema(ResponseSchema):
    """An identifier as it was sent; empty once the person was deleted. No request accepts the forms with a braze_id."""

    any_of = (IdentifierSchema, EmailDuplicateSchema, PhoneDuplicateSchema, ErasedIdentifierSchema)


class DeviceIdText(fields.Field[Any]):
    """The id of the device of an unidentified profile; any value beside another identifier, where it names nothing."""

    json_schema: Mapping[str, Any] = {
        "description": "Without another identifier: a string of 1 to 255 characters, the device of an unidentified"
        " profile, which is created if there is none. Only Mergelane has it. Beside another identifier it names"
        " nothing: in an attributes object it is a custom attribute."
    }
    _text = Text(least=1)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        return value if _has_other_identifier(data or {}) else self._text.deserialize(value, attr, data, **kwargs)


class TargetSchema(RequestSchema):
    """The keys by which an object names its profile."""

    external_id = ExternalIdText(allow_none=True)
    user_alias = Nested(UserAliasSchema, allow_none=True)
    braze_id = BrazeIdText(allow_none=True)
    email = EmailText(allow_none=True)
    phone = PhoneText(allow_none=True)
    device_id = DeviceIdText(allow_none=True)
    _update_existing_only = Switch(allow_none=True)


def target_of(given: Mapping[str, Any]) -> Target:
    """Return the target of the loaded object *given*: its one primary identifier, else email, phone or device.

    Raises ValidationError when it has no identifier, several primary ones, or only a phone without E.164 form.
    """
    primaries = [name for name in PRIMARIES if given.get(name) is not None]
    if len(primaries) > 1:
        raise ValidationError(SEVERAL)
    if primaries:
        return _primary(primaries[0], given[primaries[0]])
    if given.get("email") is not None:
        return Email(given["email"])
    if given.get("phone", "") and given["phone"].strip():
        return identifying_phone(given["phone"])
    if given.get("device_id") is not None:
        return DeviceId(given["device_id"])
    raise ValidationError(MISSING)


def identifying_phone(number: str, prioritization: tuple[Priority, ...] = ()) -> Phone:
    """Return the identifier *number*; raise ValidationError when it has no E.164 form and identifies no profile."""
    fault = phone_fault(number)
    if fault is not None:
        raise ValidationError(f"The value provided for the 'phone' field {fault}, so it identifies no profile.")
    return Phone(number, prioritization)


def alias_of(given: Mapping[str, str]) -> UserAlias:
    return UserAlias(label=given["alias_label"], name=given["alias_name"])


def may_create(target: Target, *, update_existing_only: bool | None) -> bool:
    """Return whether a missing profile is created for *target*.

    The vendor's defaults: an external_id, an email or a phone creates unless `_update_existing_only` is true, an alias
    only when it is sent as false. A device creates as an email does. A braze_id never creates, since the server assigns
    it.
    """
    match target:
        case BrazeId():
            return False
        case UserAlias():
            return update_existing_only is False
        case _:
            return not update_existing_only


def why_missing(target: Target, departure: Departure | None = None) -> str:
    """Return the warning for an object whose *target* has no profile and may not create one.

    *departure* is what happened to the profile that the target had, if that is known.
    """
    if departure is not None:
        return departure_sentence(target, departure, effect="the object had no effect")
    match target:
        case BrazeId():
            return "No profile has this braze_id, so the object had no effect."
        case UserAlias():
            return (
                "No profile has this alias, so the object had no effect. To create the profile, send"
                " '_update_existing_only' as false."
            )
        case _:
            return "No profile has this identifier, and '_update_existing_only' is true, so the object had no effect."


def _has_other_identifier(given: Mapping[str, Any]) -> bool:
    """Return whether *given* has an identifier beside its device_id."""
    phone = given.get("phone")
    return any(given.get(name) is not None for name in (*PRIMARIES, "email")) or (
        phone is not None and not (isinstance(phone, str) and not phone.strip())
    )


def _primary(name: str, value: Any) -> Target:
    if name == "external_id":
        return ExternalId(value)
    if name == "braze_id":
        return BrazeId(value)
    return alias_of(value)
