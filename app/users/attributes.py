"""Apply attributes to a draft: how each standard attribute of a request changes a profile. Pure."""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from app.merging.changes import canonical_time
from app.merging.consent_states import GROUPS
from app.merging.profile import EmailAddress, PhoneNumber, Profile
from app.profiles.push_tokens import push_token_key
from app.users.consent import ADDRESS_ATTRIBUTES, SharedConsent, addresses_of, slots_set_by
from app.users.custom_attributes import apply_custom_attributes
from app.users.draft import Draft
from schemas.attributes import Attributes, AttributesSchema
from schemas.identifiers import email_key, to_e164
from schemas.targets import TargetSchema

#: Applies the value of one attribute to a draft, at a time.
ApplyAttribute = Callable[[Draft, Any, datetime], None]


def apply_attributes(
    draft: Draft, attributes: Attributes, now: datetime, *, array_cap: int, consent: SharedConsent
) -> list[str]:
    """Apply the standard and then the custom attributes of one object to *draft*; return the reasons of ignored ones.

    Addresses come first: the states of a new address are *draft*'s then, unless the object sets others. The states that
    the object sets reach the profiles of *consent* with the same addresses. *array_cap* is the number of elements that
    an array custom attribute keeps.
    """
    standard = attributes.standard
    former = addresses_of(draft)
    _apply_standard(draft, standard, now, by_name=OF_ADDRESSES)
    consent.change_addresses(draft, former=former)
    set_slots = slots_set_by(standard, groups=draft[GROUPS])
    _apply_standard(draft, standard, now, by_name=OTHER_ATTRIBUTES)
    consent.spread(draft, set_slots)
    return apply_custom_attributes(draft, attributes.custom, array_cap=array_cap)


def _apply_standard(
    draft: Draft, standard: Mapping[str, Any], now: datetime, *, by_name: Mapping[str, ApplyAttribute]
) -> None:
    for name, apply in by_name.items():
        if name in standard:
            apply(draft, standard[name], now)


def _field(name: str) -> ApplyAttribute:
    def apply(draft: Draft, value: Any, _now: datetime) -> None:
        draft[name] = value

    return apply


def _flag(name: str) -> ApplyAttribute:
    """Return a function that sets the flag *name*; null means false."""

    def apply(draft: Draft, value: Any, _now: datetime) -> None:
        draft[name] = bool(value)

    return apply


def _email(draft: Draft, value: str | None, _now: datetime) -> None:
    """Set the email address, which is the profile's own then. It stays encrypted if it equals the present one."""
    present: EmailAddress | None = draft["email"]
    draft["email_origin_id"] = None
    if value is None:
        draft["email"] = None
        return
    key = email_key(value)
    encrypted = present is not None and present.encrypted and present.key == key
    draft["email"] = EmailAddress(address=value, key=key, encrypted=encrypted)


def _email_encrypted(draft: Draft, value: bool | None, _now: datetime) -> None:  # noqa: FBT001 - the table's signature
    """Set whether field-level encryption hides the email address; without an address this does nothing."""
    present: EmailAddress | None = draft["email"]
    if present is not None:
        draft["email"] = EmailAddress(address=present.address, key=present.key, encrypted=bool(value))


def _phone(draft: Draft, value: str | None, _now: datetime) -> None:
    """Set the phone number as sent and its E.164 form, as the profile's own; blank text removes it."""
    draft["phone_origin_id"] = None
    blank = value is None or not value.strip()
    draft["phone"] = None if blank else PhoneNumber(number=value or "", e164=to_e164(value or ""))


def _subscription(field: str, **stamps: str) -> ApplyAttribute:
    """Return a function that sets a subscription *field*; *stamps* maps a state to the key of its start time."""

    def apply(draft: Draft, state: str | None, now: datetime) -> None:
        if state is None:
            draft[field] = None
            return
        present: Mapping[str, Any] = draft[field] or {}
        began = state in stamps and present.get("state") != state
        draft[field] = {**present, "state": state, **({stamps[state]: canonical_time(now)} if began else {})}

    return apply


def _devices(draft: Draft, devices: list[dict[str, Any]] | None, _now: datetime) -> None:
    """Add or update devices by id; null removes all."""
    if devices is None:
        draft["devices"] = {}
    for device in devices or ():
        add_device(draft, device)


def add_device(draft: Draft, device: Mapping[str, Any]) -> None:
    """Add *device*, or update the one with its id."""
    draft.writable_entry("devices", device["device_id"]).update(device)


def _push_tokens(draft: Draft, tokens: list[dict[str, Any]] | None, _now: datetime) -> None:
    """Add or update push tokens by app and token; null removes all."""
    if tokens is None:
        draft["push_tokens"] = {}
    for token in tokens or ():
        known = {"app" if key == "app_id" else key: value for key, value in token.items()}
        draft.writable_entry("push_tokens", push_token_key(token["app_id"], token["token"])).update(known)


def _subscription_groups(draft: Draft, groups: list[dict[str, Any]] | None, _now: datetime) -> None:
    """Set the state in each listed subscription group; null removes all."""
    if groups is None:
        draft["subscription_groups"] = {}
    for group in groups or ():
        draft.writable("subscription_groups")[group["subscription_group_id"]] = group["subscription_state"]


#: Standard attributes that are not stored as sent in the field of the same name.
SPECIAL: Mapping[str, ApplyAttribute] = MappingProxyType(
    {
        "date_of_first_session": _field("first_session_at"),
        "date_of_last_session": _field("last_session_at"),
        "email": _email,
        "email_encrypted": _email_encrypted,
        "email_subscribe": _subscription("email_subscription", opted_in="opted_in_at", unsubscribed="unsubscribed_at"),
        "phone": _phone,
        "push_subscribe": _subscription("push_subscription", opted_in="opted_in_at"),
        "push_tokens": _push_tokens,
        "devices": _devices,
        "subscription_groups": _subscription_groups,
        "test_user": _flag("test_user"),
        "control_group": _flag("control_group"),
    }
)

#: Standard attributes that the field of the same name stores as sent.
STORED_AS_SENT = [
    name
    for name in AttributesSchema().fields
    if name in Profile.__dataclass_fields__ and name not in SPECIAL and name not in TargetSchema().fields
]
#: Standard attributes by their name in requests, in the order of application.
STANDARD: Mapping[str, ApplyAttribute] = MappingProxyType(
    {**{name: _field(name) for name in STORED_AS_SENT}, **SPECIAL}
)
OF_ADDRESSES = {name: apply for name, apply in STANDARD.items() if name in ADDRESS_ATTRIBUTES}
OTHER_ATTRIBUTES = {name: apply for name, apply in STANDARD.items() if name not in ADDRESS_ATTRIBUTES}
