"""The addresses of a `/users/track` request that other profiles may share, and the audit of their consent. Pure."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from app.audit.log import AuditEvent
from app.merging.changes import EXPORT_NAMES, SPLIT_FIELDS, export_value
from app.merging.consent_states import EMAIL, GROUPS, PHONE, Slot
from app.profiles.targets import ExistingProfile, target_key
from app.users.assignment import AssignedProfile
from app.users.consent import ADDRESS_ATTRIBUTES, EMAIL_STATES, STATE_ATTRIBUTES, Address, ReachedState
from schemas.identifiers import Email, Phone, Target, to_e164


class SettingEntry(Protocol):
    """An entry that names a profile and sets standard attributes."""

    @property
    def target(self) -> Target:
        """The identifier of the profile."""

    @property
    def standard(self) -> Mapping[str, Any]:
        """The standard attributes that it sets."""


def new_addresses(entries: Iterable[SettingEntry], found: Mapping[Hashable, ExistingProfile]) -> list[Email | Phone]:
    """Return the addresses that *entries* set and that their profiles, *found* by target_key, do not have."""
    taken: list[Email | Phone] = []
    for entry in entries:
        present = _addresses(found.get(target_key(entry.target)))
        for kind, key in _set_addresses(entry.standard).items():
            if key is not None and key != present.get(kind):
                value = entry.standard[kind]
                taken.append(Email(value) if kind == EMAIL else Phone(value))
    return taken


def shared_addresses(pairs: Iterable[tuple[SettingEntry, AssignedProfile]]) -> frozenset[Address]:
    """Return the addresses whose other profiles a request may give states to, or take states from.

    These are the new addresses of its profiles, and the present ones of the profiles for which it sets a state. The
    profiles that it creates have no others: their addresses were claimed and not found.
    """
    shared: set[Address] = set()
    sets_of: defaultdict[AssignedProfile, list[Mapping[str, Any]]] = defaultdict(list)
    for entry, profile in pairs:
        if entry.standard:
            sets_of[profile].append(entry.standard)
    for profile, sets in sets_of.items():
        present = _addresses(profile)
        for kind in (EMAIL, PHONE):
            keys = {addresses[kind] for each in sets if kind in (addresses := _set_addresses(each))}
            if any(_sets_state(each, kind) for each in sets) or not keys <= {present.get(kind)}:
                shared |= {Address(kind, key) for key in (*keys, present.get(kind)) if key is not None}
    return frozenset(shared)


def depends_on_addresses(entry: SettingEntry) -> bool:
    """Return whether the effect of *entry* on consent depends on the addresses that its profile has."""
    return not (STATE_ATTRIBUTES | ADDRESS_ATTRIBUTES).isdisjoint(entry.standard)


def has_addresses(profile: AssignedProfile, addresses: Mapping[str, str]) -> bool:
    """Return whether *profile*, as it was found, had just the *addresses*; one to create has its target's."""
    return not isinstance(profile, ExistingProfile) or _addresses(profile) == addresses


def consent_events(reached: Sequence[ReachedState]) -> list[AuditEvent]:
    """Return an audit event for each profile and source of *reached*."""
    states_of: defaultdict[tuple[str, str | None, str | None], list[ReachedState]] = defaultdict(list)
    for each in reached:
        source = None if each.source is None else each.source["braze_id"]
        states_of[each.profile["braze_id"], each.profile["external_id"], source].append(each)
    return [
        AuditEvent(
            braze_id=braze_id,
            external_id=external_id,
            source_braze_id=source,
            changes=[change for each in states for change in _changes(each.slot, each.before, each.after)],
        )
        for (braze_id, external_id, source), states in states_of.items()
    ]


def _changes(slot: Slot, before: Any, after: Any) -> list[dict[str, Any]]:
    """Return `[{field, before, after, rule}]` in the names and forms of exports; no rule of merges applies."""
    if slot.field in SPLIT_FIELDS:
        old, new = before or {}, after or {}
        parts = {name: (old.get(key), new.get(key)) for key, name in SPLIT_FIELDS[slot.field].items()}
    else:
        name = EXPORT_NAMES.get(slot.field, slot.field)
        values = export_value(slot.field, before), export_value(slot.field, after)
        parts = {name if slot.group is None else f"{name}.{slot.group}": values}
    return [
        {"field": name, "before": old, "after": new, "rule": None} for name, (old, new) in parts.items() if old != new
    ]


def _addresses(profile: AssignedProfile | None) -> dict[str, str]:
    """Return kind → key of the addresses that *profile* had when it was found; none for one to create."""
    if not isinstance(profile, ExistingProfile):
        return {}
    keys = {EMAIL: profile.email_key, PHONE: profile.phone_e164}
    return {kind: key for kind, key in keys.items() if key is not None}


def _set_addresses(standard: Mapping[str, Any]) -> dict[str, str | None]:
    """Return kind → key of the addresses among the attributes *standard*; None removes one, or has no E.164 form."""
    email, phone = standard.get("email"), standard.get("phone")
    keys = {EMAIL: Email(email).key if email else None, PHONE: to_e164(phone) if phone else None}
    return {kind: keys[kind] for kind in (EMAIL, PHONE) if kind in standard}


def _sets_state(standard: Mapping[str, Any], kind: str) -> bool:
    """Return whether *standard* sets a state that may belong to an address of *kind*."""
    return GROUPS in standard or (kind == EMAIL and not EMAIL_STATES.keys().isdisjoint(standard))
