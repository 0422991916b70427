"""What addresses said: subscription states, groups, tracking flags and spam marks follow the address that they are of.

Written from "Consent" in docs/compatibility.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

Json = dict[str, Any]
#: Kind of address → what it compares by.
Addresses = Mapping[str, str]

#: Groups that the settings of the product declare; any other may be of either address.
EMAIL_GROUP, SMS_GROUP = "mail", "sms"
ATTRIBUTES = (
    "email_subscribe",
    "email_open_tracking_disabled",
    "email_click_tracking_disabled",
    "marked_email_as_spam_at",
)
SUBSCRIPTIONS = ("subscribed", "opted_in", "unsubscribed")


class Slot(NamedTuple):
    """What a word is about: an attribute, and the group if it is `subscription_groups`."""

    attribute: str
    group: str = ""

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of address that it may be of."""
        if self.group in ("", EMAIL_GROUP):
            return frozenset({"email"})
        return frozenset({"phone"} if self.group == SMS_GROUP else {"email", "phone"})


@dataclass(frozen=True, slots=True)
class Word:
    """What was said last, and the step at which a subscription became so."""

    value: Any
    since: int = 0

    @property
    def refuses(self) -> bool:
        """Whether it is a no."""
        return self.value not in ("subscribed", "opted_in", False)

    @property
    def rank(self) -> tuple[Any, ...]:
        """What orders words: of two, the greater one holds."""
        if self.value in SUBSCRIPTIONS:
            return SUBSCRIPTIONS.index(self.value), 0 if self.value == "subscribed" else self.since
        return (self.value,)


Words = dict[Slot, Word]


class Speaker(Protocol):
    """A person, as far as consent reads it."""

    consent: Words
    email_encrypted: bool
    facts: Json

    @property
    def addresses(self) -> Addresses:
        """The addresses that others may share."""


def strongest(words: Iterable[Word | None]) -> Word | None:
    """Return the word that holds, the first of equals."""
    said = [word for word in words if word is not None]
    return max(said, key=lambda word: word.rank, default=None)


def put(consent: Words, slot: Slot, word: Word | None) -> None:
    """Let *word* be the last one, or forget all of *slot*."""
    if word is None:
        consent.pop(slot, None)
    else:
        consent[slot] = word


def combined(*, survivor: Speaker, orphan: Speaker) -> Words:
    """Return what the addresses of *survivor* have said once *orphan* is part of it."""
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
    """Return whether the orphan's address is the survivor's after the merge."""
    if kind not in survivor.facts:
        return kind == "phone" or not orphan.email_encrypted
    theirs = orphan.addresses.get(kind)
    return theirs is not None and survivor.addresses.get(kind) == theirs


def _no(word: Word | None) -> Word | None:
    """Return *word* if it is a no."""
    return word if word is not None and word.refuses else None


def say(person: Speaker, attributes: Json, others: Sequence[Speaker], step: int) -> None:
    """Let an object of `/users/track` say what it says of consent, to *others* with the same address too."""
    words = said(person, attributes, step)
    for slot, word in words.items():
        put(person.consent, slot, word)
        for other in others:
            if _holds(slot, word, of=person.addresses, at=other.addresses):
                put(other.consent, slot, word)


def said(person: Speaker, attributes: Json, step: int) -> dict[Slot, Word | None]:
    """Return what an object says of each slot; None forgets."""
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
    """Give *person*, whose addresses were *former*, what its addresses have said by now."""
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
    """Return whether what was said for the addresses *of* holds for a profile with the addresses *at*."""
    if len(slot.kinds) > 1 and _no(word) is None:
        return bool(of) and of == at
    return _shares(slot.kinds, of, at)


def _shares(kinds: Iterable[str], one: Addresses, other: Addresses) -> bool:
    return any(kind in one and one[kind] == other.get(kind) for kind in kinds)


def separated(now: Words, *, before: Words, after: Words) -> Words:
    """Return what stays of *now* when a merge is undone that changed *before* to *after*."""
    left: Words = {}
    for slot in {**now, **before}:
        put(left, slot, before.get(slot) if now.get(slot) == after.get(slot) else now.get(slot))
    return left


def restored(orphan: Speaker, survivor: Speaker, *, after: Words) -> Words:
    """Return what the addresses of *orphan* have said, with each no since the merge of an address of both."""
    words = dict(orphan.consent)
    for slot, word in survivor.consent.items():
        is_new = word.refuses and word != after.get(slot) and _no(words.get(slot)) is None
        if is_new and _shares(slot.kinds, orphan.addresses, survivor.addresses):
            words[slot] = word
    return words


def shown_consent(consent: Words, sometime: str) -> Json:
    """Return what an export shows; *sometime* stands for the time since a subscription is as it is."""
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
