"""Kinds of duplicates that occur in practice: for each, the second profile of a person and the merge request."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from random import Random

from demo import history
from demo.people import Json, Person, Profile
from demo.typing_errors import mistype
from demo.words import PLANS

NEWEST_ANONYMOUS = ["unidentified", "most_recently_updated"]
NEWEST_IDENTIFIED = ["identified", "most_recently_updated"]
OLDEST_IDENTIFIED = ["identified", "least_recently_updated"]


class Kind(StrEnum):
    """The cause of a duplicate."""

    GUEST_CHECKOUT = "guest checkout"
    SECOND_DEVICE = "second device"
    TYPING_ERROR = "typing error"
    EMAIL_CASE = "email in other case"
    REINSTALL = "new app install"
    NEWSLETTER = "newsletter"
    PHONE_ORDER = "order by phone"
    LISTED_TWICE = "pair listed twice"
    SHARED_INBOX = "shared inbox"
    CONTROL_GROUP = "control group"


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One update for `/users/merge`, with identifiers as in requests, and its expected outcome."""

    kind: Kind
    survivor: Json
    orphan: Json
    expected: str = "merged"

    @property
    def update(self) -> Json:
        """The pair as an object of `merge_updates`."""
        return {"identifier_to_merge": self.orphan, "identifier_to_keep": self.survivor}


@dataclass(frozen=True, kw_only=True)
class Duplicate:
    """The profiles that one kind of duplicate adds to an account, and the pairs to merge, in order."""

    profiles: tuple[Profile, ...]
    pairs: tuple[Pair, ...]


#: Kind → attributes that the account must have, because the pair names it by them.
MATCHED_BY = {
    Kind.GUEST_CHECKOUT: ("email",),
    Kind.TYPING_ERROR: ("phone",),
    Kind.EMAIL_CASE: ("email",),
    Kind.NEWSLETTER: ("email",),
    Kind.PHONE_ORDER: ("phone",),
    Kind.SHARED_INBOX: ("email",),
}


def make_duplicate(kind: Kind, person: Person, account: Profile, now: datetime, rng: Random) -> Duplicate:
    """Return a duplicate of *account* of this *kind*."""
    return MAKERS[kind](person, account, now, rng)


def alias(label: str, name: str) -> Json:
    """Return a user_alias as an identifier."""
    return {"user_alias": {"alias_label": label, "alias_name": name}}


def by_email(address: str, prioritization: list[str]) -> Json:
    """Return an email as an identifier."""
    return {"email": address, "prioritization": prioritization}


def by_phone(number: str, prioritization: list[str]) -> Json:
    """Return a phone number as an identifier."""
    return {"phone": number, "prioritization": prioritization}


def _facts(person: Person, *names: str) -> Json:
    """Return the standard attributes *names* of *person*."""
    return {name: person.facts[name] for name in names}


def _guest_checkout(person: Person, _account: Profile, now: datetime, rng: Random) -> Duplicate:
    """Return a purchase without logging in: same email, an alias for the order."""
    guest = Profile(
        identifier=alias("guest_checkout", f"order-{person.serial}"),
        attributes=_facts(person, "first_name", "last_name", "email", "phone", "home_city", "country")
        | {"is_lead_profile": True, "checkout": {"method": rng.choice(("card", "invoice")), "gift": False}},
        events=({"name": "checkout_completed", "time": history.as_text(history.moment(now, rng))},),
        purchases=history.make_purchases(rng.randint(1, 2), now, rng),
    )
    pair = Pair(
        kind=Kind.GUEST_CHECKOUT,
        orphan=by_email(person.email, NEWEST_ANONYMOUS),
        survivor=by_email(person.email, NEWEST_IDENTIFIED),
    )
    return Duplicate(profiles=(guest,), pairs=(pair,))


def _second_device(person: Person, account: Profile, now: datetime, rng: Random) -> Duplicate:
    """Return the anonymous profile that an app creates on another device."""
    device = history.make_device(f"device-{person.serial}-second", rng)
    profile = _app_profile(alias("device", device["device_id"]), person, device, now, rng)
    pair = Pair(kind=Kind.SECOND_DEVICE, orphan=profile.identifier, survivor=account.identifier)
    return Duplicate(profiles=(profile,), pairs=(pair,))


def _reinstall(person: Person, account: Profile, now: datetime, rng: Random) -> Duplicate:
    """Return the anonymous profile that the app creates when it is installed again on the same device."""
    device = account.attributes["devices"][0]
    profile = _app_profile(alias("install", f"install-{person.serial}-2"), person, device, now, rng)
    pair = Pair(kind=Kind.REINSTALL, orphan=profile.identifier, survivor=account.identifier)
    return Duplicate(profiles=(profile,), pairs=(pair,))


def _app_profile(identifier: Json, person: Person, device: Json, now: datetime, rng: Random) -> Profile:
    """Return the profile of an app before log-in: its device, a push token, sessions and engagements."""
    token = history.make_push_token(device, f"token-{rng.randrange(16**16):016x}")
    return Profile(
        identifier=identifier,
        attributes=_facts(person, "language", "time_zone", "country")
        | {"devices": [device], "push_tokens": [token], "app_theme": rng.choice(("dark", "light"))},
        events=history.make_events(rng.randint(1, 4), now, rng),
        sessions=history.make_sessions(rng.randint(1, 4), device, now, rng),
        engagements=history.make_engagements(rng.randint(1, 3), now, rng),
    )


def _clerk_profile(person: Person, rng: Random, **also: object) -> Profile:
    """Return a profile that a clerk typed from a form, with a typing error in the name."""
    wrong = rng.choice(("first_name", "last_name"))
    return Profile(
        identifier={"external_id": f"store-{person.serial}"},
        attributes=_facts(person, "first_name", "last_name", "phone", "dob", "gender", "home_city")
        | {wrong: mistype(person.facts[wrong], rng)}
        | {"plan": rng.choice(PLANS), "home_store": person.place.city, "paper_invoices": False}
        | also,
    )


def _typing_error(person: Person, _account: Profile, _now: datetime, rng: Random) -> Duplicate:
    """Return a record typed in a shop: another external_id, a typing error in the name, the same phone."""
    clerk = _clerk_profile(person, rng)
    pair = Pair(kind=Kind.TYPING_ERROR, orphan=clerk.identifier, survivor=by_phone(person.phone, OLDEST_IDENTIFIED))
    return Duplicate(profiles=(clerk,), pairs=(pair,))


def _listed_twice(person: Person, account: Profile, _now: datetime, rng: Random) -> Duplicate:
    """Return a pair that the client lists twice: the second finds its orphan gone."""
    clerk = _clerk_profile(person, rng)
    first = Pair(kind=Kind.LISTED_TWICE, orphan=clerk.identifier, survivor=account.identifier)
    second = Pair(
        kind=Kind.LISTED_TWICE, orphan=clerk.identifier, survivor=account.identifier, expected="already_merged"
    )
    return Duplicate(profiles=(clerk,), pairs=(first, second))


def _control_group(person: Person, account: Profile, _now: datetime, rng: Random) -> Duplicate:
    """Return a duplicate in a control group, which is protected from merges."""
    clerk = _clerk_profile(person, rng, control_group=True)
    pair = Pair(kind=Kind.CONTROL_GROUP, orphan=clerk.identifier, survivor=account.identifier, expected="protected")
    return Duplicate(profiles=(clerk,), pairs=(pair,))


def _email_case(person: Person, account: Profile, now: datetime, rng: Random) -> Duplicate:
    """Return a second registration: the same email in other case, another external_id."""
    address = rng.choice((person.email.upper(), person.email.title()))
    web_shop = Profile(
        identifier={"external_id": f"webshop-{person.serial}"},
        attributes=_facts(person, "first_name", "last_name", "gender", "dob", "country")
        | {"email": address, "email_subscribe": rng.choice(("opted_in", "unsubscribed")), "referrer": "partner"},
        events=history.make_events(rng.randint(1, 3), now, rng),
        purchases=history.make_purchases(rng.randint(0, 2), now, rng),
    )
    pair = Pair(kind=Kind.EMAIL_CASE, orphan=by_email(person.email, NEWEST_IDENTIFIED), survivor=account.identifier)
    return Duplicate(profiles=(web_shop,), pairs=(pair,))


def _newsletter(person: Person, account: Profile, now: datetime, rng: Random) -> Duplicate:
    """Return a reader of the newsletter: an email, a subscription state, and engagements with messages."""
    reader = Profile(
        identifier=alias("newsletter", f"reader-{person.serial}"),
        attributes={"email": person.email, "email_subscribe": rng.choice(("opted_in", "unsubscribed"))}
        | {"topics": ["offers", "news"], "signed_up_on": "landing page"},
        sessions=history.make_sessions(1, {"device_id": f"browser-{person.serial}", "os": "Web"}, now, rng),
        engagements=history.make_engagements(rng.randint(2, 4), now, rng),
    )
    pair = Pair(kind=Kind.NEWSLETTER, orphan=by_email(person.email, ["unidentified"]), survivor=account.identifier)
    return Duplicate(profiles=(reader,), pairs=(pair,))


def _phone_order(person: Person, _account: Profile, now: datetime, rng: Random) -> Duplicate:
    """Return an order by phone, with the number as the agent wrote it."""
    number = f"{person.phone[:-7]} {person.phone[-7:-4]}-{person.phone[-4:]}"
    caller = Profile(
        identifier=alias("phone_order", f"call-{person.serial}"),
        attributes=_facts(person, "first_name", "last_name", "email") | {"phone": number, "agent": "Kim"},
        events=({"name": "called", "time": history.as_text(history.moment(now, rng))},),
        purchases=history.make_purchases(1, now, rng),
    )
    pair = Pair(
        kind=Kind.PHONE_ORDER,
        orphan=by_phone(person.phone, NEWEST_ANONYMOUS),
        survivor=by_phone(person.phone, NEWEST_IDENTIFIED),
    )
    return Duplicate(profiles=(caller,), pairs=(pair,))


def _shared_inbox(person: Person, account: Profile, now: datetime, rng: Random) -> Duplicate:
    """Return two guests with the address of an account; either could be the duplicate."""
    guests = tuple(
        Profile(
            identifier=alias("guest_checkout", f"order-{person.serial}-{name.lower()}"),
            attributes={"email": person.email, "first_name": name, "last_name": person.last_name},
            purchases=history.make_purchases(1, now, rng),
        )
        for name in ("Alex", "Robin")
    )
    pair = Pair(
        kind=Kind.SHARED_INBOX,
        orphan=by_email(person.email, ["unidentified"]),
        survivor=account.identifier,
        expected="orphan_ambiguous",
    )
    return Duplicate(profiles=guests, pairs=(pair,))


MAKERS: dict[Kind, Callable[[Person, Profile, datetime, Random], Duplicate]] = {
    Kind.GUEST_CHECKOUT: _guest_checkout,
    Kind.SECOND_DEVICE: _second_device,
    Kind.TYPING_ERROR: _typing_error,
    Kind.EMAIL_CASE: _email_case,
    Kind.REINSTALL: _reinstall,
    Kind.NEWSLETTER: _newsletter,
    Kind.PHONE_ORDER: _phone_order,
    Kind.LISTED_TWICE: _listed_twice,
    Kind.SHARED_INBOX: _shared_inbox,
    Kind.CONTROL_GROUP: _control_group,
}
