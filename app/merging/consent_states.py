"""States of consent: which of them are opt-outs, and which of several holds for one address. Pure."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.merging.profile import Map, Profile

EMAIL, PHONE = "email", "phone"
#: The fields that belong to the email address.
EMAIL_FIELDS = (
    "email_subscription",
    "email_open_tracking_disabled",
    "email_click_tracking_disabled",
    "marked_email_as_spam_at",
)
#: The field whose entries belong to the email address or to the phone number.
GROUPS = "subscription_groups"
#: From the state that gives way to the one that wins, and the keys of the dates on which the dated ones began.
SUBSCRIPTION_STATES = ("subscribed", "opted_in", "unsubscribed")
STARTS = {"opted_in": "opted_in_at", "unsubscribed": "unsubscribed_at"}


class Slot(NamedTuple):
    """The place of one state in a profile: a field, and the group if the field is `subscription_groups`."""

    field: str
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupKinds:
    """The subscription groups that settings declare to belong to email addresses or to phone numbers."""

    email_groups: frozenset[str] = frozenset()
    sms_groups: frozenset[str] = frozenset()

    def kinds_of(self, slot: Slot) -> frozenset[str]:
        """Return the kind of address that the state belongs to, or both kinds if the group is not declared."""
        if slot.group is None or slot.group in self.email_groups:
            return frozenset({EMAIL})
        return frozenset({PHONE} if slot.group in self.sms_groups else {EMAIL, PHONE})

    def of(self, *profiles: Profile) -> "GroupKinds":
        """Return those of the groups in which one of *profiles* has a state."""
        if not (self.email_groups or self.sms_groups):
            return self
        present = {group for profile in profiles for group in profile.subscription_groups}
        return GroupKinds(email_groups=self.email_groups & present, sms_groups=self.sms_groups & present)


UNDECLARED = GroupKinds()


def read_states(profile: Profile) -> dict[Slot, Any]:
    """Return the states of consent that *profile* has."""
    states = {Slot(field): getattr(profile, field) for field in EMAIL_FIELDS}
    groups = {Slot(GROUPS, group): state for group, state in profile.subscription_groups.items()}
    return {slot: state for slot, state in states.items() if state is not None} | groups


def with_states(profile: Profile, states: Mapping[Slot, Any]) -> Profile:
    """Return *profile* with these *states* of consent in place of its own; None removes one."""
    if not states:
        return profile
    fields = {slot.field: state for slot, state in states.items() if slot.group is None}
    groups = {**profile.subscription_groups} | {
        slot.group: state for slot, state in states.items() if slot.group is not None
    }
    left = {group: state for group, state in groups.items() if state is not None}
    return dataclasses.replace(profile, **fields, subscription_groups=left)


def is_opt_out(field: str, value: Any) -> bool:
    """Return whether *value* of *field*, or of one group in it, refuses messages or tracking."""
    match field:
        case "email_subscription":
            return value is not None and value["state"] == "unsubscribed"
        case "subscription_groups":
            return bool(value == "unsubscribed")
        case _:
            # A tracking flag, or the time of a spam mark.
            return bool(value)


def combine_states(field: str, values: Iterable[Any]) -> Any:
    """Return the one state of *values* that holds for an address; None if all are None.

    An opt-out wins. Between two opt-outs or two opt-ins the newer date wins, and `opted_in` wins against `subscribed`.
    """
    known = [value for value in values if value is not None]
    return max(known, key=lambda value: _weight(field, value), default=None)


def combine_groups(combine: Callable[[str, Any, Any], Any], ours: Map | None, theirs: Map | None) -> Map:
    """Return the states of all groups; *combine* returns that of one from the group and the states of both sides."""
    ours, theirs = ours or {}, theirs or {}
    combined = {group: combine(group, ours.get(group), theirs.get(group)) for group in {**ours, **theirs}}
    left = {group: state for group, state in combined.items() if state is not None}
    return ours if left == ours else left


def _weight(field: str, value: Any) -> Any:
    """Return the sort key of a state: the state with the greatest one holds."""
    match field:
        case "email_subscription":
            return SUBSCRIPTION_STATES.index(value["state"]), value.get(STARTS.get(value["state"], ""), "")
        case "subscription_groups":
            return value == "unsubscribed"
        case _:
            return value
