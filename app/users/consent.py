"""Consent follows the address: carries states between profiles with one email address or phone number. Pure.

The email subscription, spam mark and tracking flags belong to the email address. A subscription group belongs to the
email address or to the phone number if a setting declares it. Otherwise it may belong to either.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.config import Settings
from app.merging.consent_states import EMAIL, GROUPS, PHONE, GroupKinds, Slot, combine_states, is_opt_out
from app.users.draft import Draft
from schemas.identifiers import Email, Phone
from schemas.placeholders import is_placeholder

#: Attribute of a request → field of a profile: the states of an email address.
EMAIL_STATES: Mapping[str, str] = {
    "email_subscribe": "email_subscription",
    "email_open_tracking_disabled": "email_open_tracking_disabled",
    "email_click_tracking_disabled": "email_click_tracking_disabled",
    "marked_email_as_spam_at": "marked_email_as_spam_at",
}
#: Attributes that set a state, and attributes that set an address.
STATE_ATTRIBUTES = frozenset({*EMAIL_STATES, GROUPS})
ADDRESS_ATTRIBUTES = frozenset({"email", "phone"})


class Address(NamedTuple):
    """An address as profiles share it: email or phone, and the value by which it compares."""

    kind: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRules(GroupKinds):
    """Which groups belong to which kind of address, and which states a profile keeps when an address changes."""

    #: keep, keep_opt_outs or reset.
    address_change: str = "keep"
    #: Placeholders: unrelated people have these addresses, so no consent follows them.
    refused: frozenset[str] = frozenset()

    @classmethod
    def from_settings(cls, settings: Settings) -> "ConsentRules":
        """Return the rules that *settings* declare."""
        return cls(
            email_groups=settings.email_groups,
            sms_groups=settings.sms_groups,
            address_change=settings.address_change,
            refused=settings.refused_identifiers,
        )

    def is_shared(self, address: Address) -> bool:
        """Return whether the profiles with *address* are one person, so that they share its states."""
        value = Email(address.key) if address.kind == EMAIL else Phone(address.key)
        return not is_placeholder(value, self.refused)

    def reaches(self, slot: Slot, value: Any, *, source: Mapping[str, str], target: Mapping[str, str]) -> bool:
        """Return whether the state *value* of a profile with the addresses *source* holds for one with *target*.

        An opt-out from a group that is not declared holds where any address is equal, any other state only where all
        are: it may have been given for the address that differs.
        """
        kinds = self.kinds_of(slot)
        if len(kinds) > 1 and not is_opt_out(slot.field, value):
            return bool(source) and source == target
        return any(kind in source and source[kind] == target.get(kind) for kind in kinds)


@dataclass(slots=True)
class ReachedState:
    """A state that a profile got from another profile, or from an address that it took over."""

    profile: Draft
    #: The profile for which a request set the state; None if the profile took over an address.
    source: Draft | None
    slot: Slot
    before: Any
    after: Any


@dataclass
class SharedConsent:
    """The profiles of a request and others with their addresses, as they change while the request is applied."""

    rules: ConsentRules
    _drafts: defaultdict[Address, dict[int, Draft]] = field(default_factory=lambda: defaultdict(dict))
    #: Profile, source and place of a state → the state that the profile got.
    _reached: dict[tuple[int, int | None, Slot], ReachedState] = field(default_factory=dict)

    @classmethod
    def of(cls, rules: ConsentRules, drafts: Iterable[Draft]) -> "SharedConsent":
        """Return the consent that *drafts* share."""
        shared = cls(rules)
        for draft in drafts:
            shared._add(draft)
        return shared

    @property
    def reached(self) -> Sequence[ReachedState]:
        """The states that profiles got, except equal ones."""
        return [each for each in self._reached.values() if each.before != each.after]

    def change_addresses(self, draft: Draft, *, former: Mapping[str, str]) -> None:
        """Give *draft*, whose addresses were *former*, the states that belong to its present addresses."""
        present = addresses_of(draft)
        changed = {kind for kind in (EMAIL, PHONE) if former.get(kind) != present.get(kind)}
        if not changed:
            return
        for kind in changed & former.keys():
            self._drafts[Address(kind, former[kind])].pop(draft["id"], None)
        self._add(draft)
        others = self._others(draft, kinds=changed)
        for slot in dict.fromkeys([*slots_of(draft), *(slot for other in others for slot in slots_of(other))]):
            moved = self.rules.kinds_of(slot) & changed
            if not moved:
                continue
            sharers = [other for other in others if _share(addresses_of(other), present, kinds=moved)]
            taken = combine_states(slot.field, [self._state_for(present, slot, other) for other in sharers])
            own = read_state(draft, slot)
            kept = own if self._stays(slot, own, moved, former=former, present=present, known=bool(sharers)) else None
            self._set(draft, slot, combine_states(slot.field, [taken, kept]), source=None)

    def spread(self, draft: Draft, slots: Iterable[Slot]) -> None:
        """Give the states in *slots*, which a request set for *draft*, to the other profiles with its addresses."""
        source = addresses_of(draft)
        for slot in slots:
            value = read_state(draft, slot)
            for other in self._others(draft, kinds=self.rules.kinds_of(slot)):
                if self.rules.reaches(slot, value, source=source, target=addresses_of(other)):
                    self._set(other, slot, value, source=draft)

    def share_opt_outs(self, draft: Draft) -> None:
        """Let the opt-outs of *draft* and of the profiles with its addresses hold for all of them.

        For states from elsewhere, which may be older than those here: they end no opt-out, and nothing else follows
        their addresses.
        """
        source = addresses_of(draft)
        others = self._others(draft, kinds=(EMAIL, PHONE))
        for slot in dict.fromkeys([*slots_of(draft), *(slot for other in others for slot in slots_of(other))]):
            known = [read_state(draft, slot), *(self._state_for(source, slot, other) for other in others)]
            value = combine_states(slot.field, known)
            if not is_opt_out(slot.field, value):
                continue
            self._set(draft, slot, value, source=None)
            for other in others:
                if self.rules.reaches(slot, value, source=source, target=addresses_of(other)):
                    self._set(other, slot, combine_states(slot.field, [read_state(other, slot), value]), source=draft)

    def _state_for(self, present: Mapping[str, str], slot: Slot, other: Draft) -> Any:
        """Return the state of *other* if it holds for a profile with the addresses *present*, else None."""
        value = read_state(other, slot)
        return value if self.rules.reaches(slot, value, source=addresses_of(other), target=present) else None

    def _stays(
        self,
        slot: Slot,
        own: Any,
        moved: frozenset[str],
        *,
        former: Mapping[str, str],
        present: Mapping[str, str],
        known: bool,
    ) -> bool:
        """Return whether a profile keeps its *own* state after its addresses of the kinds *moved* changed.

        *known* says whether other profiles have the new addresses: their states are known then, even if they have none.
        """
        if not moved & former.keys():
            # The state was set before the profile had such an address, so it belongs to its first one.
            return True
        rule = self.rules.address_change
        if not is_opt_out(slot.field, own):
            return rule == "keep" and not known
        # A removed address may return, and the state of a group that is not declared may belong to the other address.
        removed = not moved & present.keys()
        other_left = bool(self.rules.kinds_of(slot) & (present.keys() - moved))
        return rule != "reset" or removed or other_left

    def _others(self, draft: Draft, *, kinds: Iterable[str]) -> list[Draft]:
        """Return the other profiles that have an address of *draft* of one of *kinds*, each once."""
        found: dict[int, Draft] = {}
        for kind, key in addresses_of(draft).items():
            if kind in kinds:
                found |= self._drafts[Address(kind, key)]
        return [other for profile_id, other in found.items() if profile_id != draft["id"]]

    def _add(self, draft: Draft) -> None:
        for address in map(Address._make, addresses_of(draft).items()):
            if self.rules.is_shared(address):
                self._drafts[address][draft["id"]] = draft

    def _set(self, draft: Draft, slot: Slot, value: Any, *, source: Draft | None) -> None:
        before = read_state(draft, slot)
        if before == value:
            return
        write_state(draft, slot, value)
        key = (draft["id"], None if source is None else source["id"], slot)
        known = self._reached.setdefault(key, ReachedState(draft, source, slot, before, value))
        known.after = value


def addresses_of(profile: Draft) -> dict[str, str]:
    """Return the kind → the comparison key of each address; a number without E.164 form is none.

    An encrypted address is shared by profiles with the same encrypted text.
    """
    email, phone = profile["email"], profile["phone"]
    keys = {EMAIL: email and email.key, PHONE: phone and phone.e164}
    return {kind: key for kind, key in keys.items() if key}


def slots_of(profile: Draft) -> list[Slot]:
    """Return the places where *profile* has a state."""
    fields = [Slot(name) for name in EMAIL_STATES.values() if profile[name] is not None]
    return [*fields, *(Slot(GROUPS, group) for group in profile[GROUPS])]


def slots_set_by(standard: Mapping[str, Any], *, groups: Iterable[str]) -> list[Slot]:
    """Return the places of the states that the attributes *standard* set; null clears all *groups*."""
    slots = [Slot(name) for attribute, name in EMAIL_STATES.items() if attribute in standard]
    if GROUPS in standard:
        listed = standard[GROUPS]
        named = groups if listed is None else [each["subscription_group_id"] for each in listed]
        slots += [Slot(GROUPS, group) for group in dict.fromkeys(named)]
    return slots


def read_state(profile: Draft, slot: Slot) -> Any:
    """Return the state in *slot*, or None."""
    return profile[slot.field] if slot.group is None else profile[GROUPS].get(slot.group)


def write_state(profile: Draft, slot: Slot, value: Any) -> None:
    """Set the state in *slot*; None removes it."""
    if slot.group is None:
        profile[slot.field] = value
    elif value is None:
        profile.writable(GROUPS).pop(slot.group, None)
    else:
        profile.writable(GROUPS)[slot.group] = value


def _share(one: Mapping[str, str], other: Mapping[str, str], *, kinds: Iterable[str]) -> bool:
    return any(kind in one and one[kind] == other.get(kind) for kind in kinds)
