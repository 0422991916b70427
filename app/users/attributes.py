"""Attributes applied to a draft: how each standard attribute of the wire changes a profile. Pure."""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from app.merging.changes import canonical_time
from app.merging.profile import EmailAddress, PhoneNumber
from app.users.custom_attributes import apply_custom
from app.users.draft import Draft
from schemas.attributes import Attributes
from schemas.identifiers import fold_email, to_e164

#: Changes a draft by the attribute's value, at a time.
Apply = Callable[[Draft, Any, datetime], None]


def apply_attributes(draft: Draft, attributes: Attributes, now: datetime, *, array_cap: int) -> list[str]:
    """Apply the standard and then the custom attributes of one object to *draft*; return what to tell of ignored ones.

    *array_cap* is the number of elements that an array among the custom attributes keeps.
    """
    for name, apply in STANDARD.items():
        if name in attributes.standard:
            apply(draft, attributes.standard[name], now)
    return apply_custom(draft, attributes.custom, array_cap=array_cap)


def _field(name: str) -> Apply:
    """Return what sets the profile's field *name*."""

    def apply(draft: Draft, value: Any, _now: datetime) -> None:
        """Set the field."""
        draft[name] = value

    return apply


def _flag(name: str) -> Apply:
    """Return what sets the profile's flag *name*; null takes it back."""

    def apply(draft: Draft, value: Any, _now: datetime) -> None:
        """Set the flag."""
        draft[name] = bool(value)

    return apply


def _email(draft: Draft, value: str | None, _now: datetime) -> None:
    """Set the email address; one that compares equal to the present one stays encrypted if it was."""
    present: EmailAddress | None = draft["email"]
    if value is None:
        draft["email"] = None
        return
    key = fold_email(value)
    encrypted = present is not None and present.encrypted and present.key == key
    draft["email"] = EmailAddress(address=value, key=key, encrypted=encrypted)


def _email_encrypted(draft: Draft, value: bool | None, _now: datetime) -> None:  # noqa: FBT001 - the table's signature
    """Say whether field-level encryption hides the email address; without an address there is nothing to hide."""
    present: EmailAddress | None = draft["email"]
    if present is not None:
        draft["email"] = EmailAddress(address=present.address, key=present.key, encrypted=bool(value))


def _phone(draft: Draft, value: str | None, _now: datetime) -> None:
    """Set the phone number as it was sent, beside its E.164 form; blank text is no number."""
    blank = value is None or not value.strip()
    draft["phone"] = None if blank else PhoneNumber(number=value or "", e164=to_e164(value or ""))


def _subscription(field: str, **stamps: str) -> Apply:
    """Return what sets a subscription *field*; *stamps* names, by state, the key that keeps when it began."""

    def apply(draft: Draft, state: str | None, now: datetime) -> None:
        """Set the state; null takes it back to the default."""
        if state is None:
            draft[field] = None
            return
        present: Mapping[str, Any] = draft[field] or {}
        began = state in stamps and present.get("state") != state
        draft[field] = {**present, "state": state, **({stamps[state]: canonical_time(now)} if began else {})}

    return apply


def _devices(draft: Draft, devices: list[dict[str, Any]] | None, _now: datetime) -> None:
    """Add devices, or what is newly known of them, by their id; null forgets them all."""
    if devices is None:
        draft["devices"] = {}
    for device in devices or ():
        add_device(draft, device)


def add_device(draft: Draft, device: Mapping[str, Any]) -> None:
    """Add *device*, or what is newly known of it."""
    draft.entry("devices", device["device_id"]).update(device)


def _push_tokens(draft: Draft, tokens: list[dict[str, Any]] | None, _now: datetime) -> None:
    """Add push tokens by app and token; null forgets them all."""
    if tokens is None:
        draft["push_tokens"] = {}
    for token in tokens or ():
        known = {"app" if key == "app_id" else key: value for key, value in token.items()}
        draft.entry("push_tokens", f"{token['app_id']}:{token['token']}").update(known)


def _subscription_groups(draft: Draft, groups: list[dict[str, Any]] | None, _now: datetime) -> None:
    """Set the state in each listed subscription group; null forgets them all."""
    if groups is None:
        draft["subscription_groups"] = {}
    for group in groups or ():
        draft.own("subscription_groups")[group["subscription_group_id"]] = group["subscription_state"]


#: Standard attributes by their name on the wire, in the order in which they are applied.
STANDARD: Mapping[str, Apply] = MappingProxyType(
    {
        "first_name": _field("first_name"),
        "last_name": _field("last_name"),
        "gender": _field("gender"),
        "dob": _field("dob"),
        "home_city": _field("home_city"),
        "country": _field("country"),
        "language": _field("language"),
        "time_zone": _field("time_zone"),
        "facebook": _field("facebook"),
        "twitter": _field("twitter"),
        "current_location": _field("current_location"),
        "date_of_first_session": _field("first_session_at"),
        "date_of_last_session": _field("last_session_at"),
        "email": _email,
        "email_encrypted": _email_encrypted,
        "email_subscribe": _subscription("email_subscription", opted_in="opted_in_at", unsubscribed="unsubscribed_at"),
        "email_open_tracking_disabled": _field("email_open_tracking_disabled"),
        "email_click_tracking_disabled": _field("email_click_tracking_disabled"),
        "marked_email_as_spam_at": _field("marked_email_as_spam_at"),
        "phone": _phone,
        "push_subscribe": _subscription("push_subscription", opted_in="opted_in_at"),
        "push_tokens": _push_tokens,
        "devices": _devices,
        "subscription_groups": _subscription_groups,
        "test_user": _flag("test_user"),
        "control_group": _flag("control_group"),
        "marked_for_deletion_at": _field("marked_for_deletion_at"),
    }
)
