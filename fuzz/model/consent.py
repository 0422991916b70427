"""The consent of addresses: subscription states, groups, tracking flags and spam marks belong to an address.

Written from "Consent" in docs/compatibility.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

Json = dict[str, Any]
#: Kind of address → its normalized value.
Addresses = Mapping[str, str]

#: Groups that the settings of the product declare; other groups may belong to either kind of address.
EMAIL_GROUP, SMS_GROUP = "mail", "sms"
ATTRIBUTES = (
    "email_subscribe",
    "email_open_tracking_disabled",
    "email_click_tracking_disabled",
    "marked_email_as_spam_at",
)
SUBSCRIPTIONS = ("subscribed", "opted_in", "unsubscribed")


class Slot(NamedTuple):
    """The subject of a word: an attribute, and the group if the attribute is `subscription_groups`."""

    attribute: str
    group: str = ""

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of address to which it may belong."""
        if self.group in ("", EMAIL_GROUP):
            return frozenset({"email"})
        return frozenset({"phone"} if self.group == SMS_GROUP else {"email", "phone"})


@dataclass(frozen=True, slots=True)
class Word:
    """The last value of a slot, and the step at which a subscription got it."""

    value: Any
    since: int = 0

    @property
    def refuses(self) -> bool:
        """Whether it is a refusal."""
        return self.value not in ("subscribed", "opted_in", False)

    @property
    def rank(self) -> tuple[Any, ...]:
        """The order of words: the greater of two applies."""
        if self.value in SUBSCRIPTIONS:
            return SUBSCRIPTIONS.index(self.value), 0 if self.value == "subscribed" else self.since
        return (self.value,)


Words = dict[Slot, Word]


class Speaker(Protocol):
    """The members of a person that consent reads."""

    consent: Words
    email_encrypted: bool
    facts: Json

    @property
    def addresses(self) -> Addresses:
        """The addresses that others may share."""


def strongest(words: Iterable[Word | None]) -> Word | None:
    """Return the word that applies, the first of equal ones."""
    said = [word for word in words if word is not None]
    return max(said, key=lambda word: word.rank, default=None)


def put(consent: Words, slot: Slot, word: Word | None) -> None:
    """Set the *word* of *slot*, or remove the slot if it is None."""
    if word is None:
        consent.pop(slot, None)
    else:
        consent[slot] = word


def combined(*, survivor: Speaker, orphan: Speaker) -> Words:
    """Return the words of the addresses of *survivor* after the merge of *orphan* into it."""
    words: Words = {}
    for slot in {**survivor.consent, **orphan.consent}:
        ours, theirs = survivor.consent.get(slot), orphan.consent.get(slot)
        has_none = not any(kind in survivor.facts for kind in slot.kinds)
        of_orphan = [kind for kind in slot.kinds if kind in orphan.facts]
        joined = [kind for kind in of_orphan if _joins(kind, survivor=survivor, orphan=orphan)]
        if has_none and joined:
            ours = _no(ours)
        if of_orphan and not joined:
            theirs = None
        elif len(joined) < len(of_orphan) or not (of_orphan or has_none):
            theirs = _no(theirs)
        put(words, slot, strongest([ours, theirs]))
    return words


def _joins(kind: str, *, survivor: Speaker, orphan: Speaker) -> bool:
    """Return whether the survivor has the orphan's address after the merge."""
    if kind not in survivor.facts:
        return kind == "phone" or not orphan.email_encrypted
    theirs = orphan.addresses.get(kind)
    return theirs is not None and survivor.addresses.get(kind) == theirs


def _no(word: Word | None) -> Word | None:
    """Return *word* if it is a refusal."""
    return word if word is not None and word.refuses else None


def say(person: Speaker, attributes: Json, others: Sequence[Speaker], step: int) -> None:
    """Apply the consent in an object of `/users/track` to *person*, and to *others* with the same address."""
    words = said(person, attributes, step)
    for slot, word in words.items():
        put(person.consent, slot, word)
        for other in others:
            if _holds(slot, word, of=person.addresses, at=other.addresses):
                put(other.consent, slot, word)


def said(person: Speaker, attributes: Json, step: int) -> dict[Slot, Word | None]:
    """Return the word of each slot in an object; None removes the slot."""
    slots = {Slot(name): attributes[name] for name in ATTRIBUTES if name in attributes}
    if "subscription_groups" in attributes:
        listed = attributes["subscription_groups"]
        cleared = {slot: None for slot in person.consent if slot.group} if listed is None else {}
        states = {_group(each): each["subscription_state"] for each in listed or ()}
        slots |= {**cleared, **states}
    return {slot: _word(person.consent.get(slot), slot, value, step) for slot, value in slots.items()}


def _group(listed: Json) -> Slot:
    return Slot("subscription_groups", listed["subscription_group_id"])


def _word(present: Word | None, slot: Slot, value: Any, step: int) -> Word | None:
    if value is None:
        return None
    if slot.attribute != "email_subscribe":
        return Word(value)
    return present if present is not None and present.value == value else Word(value, step)


def move(person: Speaker, former: Addresses, others: Sequence[Speaker]) -> None:
    """Give *person*, whose addresses were *former*, the current words of its addresses."""
    present = person.addresses
    changed = {kind for kind in ("email", "phone") if former.get(kind) != present.get(kind)}
    near = [each for each in others if _shares(changed, each.addresses, present)]
    for slot in list(dict.fromkeys([*person.consent, *(slot for each in near for slot in each.consent)])):
        moved = slot.kinds & changed
        if not moved:
            continue
        sharers = [each for each in near if _shares(moved, each.addresses, present)]
        taken = [
            word
            for each in sharers
            for word in [each.consent.get(slot)]
            if _holds(slot, word, of=each.addresses, at=present)
        ]
        own = person.consent.get(slot)
        stays = not moved & former.keys() or not sharers or _no(own) is not None
        put(person.consent, slot, strongest([*taken, own if stays else None]))


def _holds(slot: Slot, word: Word | None, *, of: Addresses, at: Addresses) -> bool:
    """Return whether a word for the addresses *of* applies to a profile with the addresses *at*."""
    if len(slot.kinds) > 1 and _no(word) is None:
        return bool(of) and of == at
    return _shares(slot.kinds, of, at)


def _shares(kinds: Iterable[str], one: Addresses, other: Addresses) -> bool:
    return any(kind in one and one[kind] == other.get(kind) for kind in kinds)


def separated(now: Words, *, before: Words, after: Words) -> Words:
    """Return the words of *now* that remain after the undo of a merge that changed *before* to *after*."""
    left: Words = {}
    for slot in {**now, **before}:
        put(left, slot, before.get(slot) if now.get(slot) == after.get(slot) else now.get(slot))
    return left


def restored(orphan: Speaker, survivor: Speaker, *, after: Words) -> Words:
    """Return the words of the addresses of *orphan*, with each refusal since the merge by an address of both."""
    words = dict(orphan.consent)
    for slot, word in survivor.consent.items():
        is_new = word.refuses and word != after.get(slot) and _no(words.get(slot)) is None
        if is_new and _shares(slot.kinds, orphan.addresses, survivor.addresses):
            words[slot] = word
    return words


def shown_consent(consent: Words, sometime: str) -> Json:
    """Return the consent in an export; *sometime* replaces the time of the subscription state."""
    groups = sorted((slot.group, word.value) for slot, word in consent.items() if slot.group)
    state = consent.get(Slot("email_subscribe"), Word("subscribed")).value
    return {
        **{slot.attribute: word.value for slot, word in consent.items() if not slot.group},
        "email_subscribe": state,
        "email_opted_in_at": sometime if state == "opted_in" else None,
        "email_unsubscribed_at": sometime if state == "unsubscribed" else None,
        "subscription_groups": [
            {"subscription_group_id": group, "subscription_state": value} for group, value in groups
        ],
    }


#: Attributes of consent, which `say` handles.
HANDLED: frozenset[str] = frozenset({*ATTRIBUTES, "subscription_groups"})
