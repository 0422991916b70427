"""Fictional people with all their data, and their accounts: profiles with a part of the data and an external_id."""

import string
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, TypeAlias

from demo import history
from demo.words import COLOURS, GIVEN_NAMES, MAIL_DOMAINS, PLACES, PLANS, SURNAMES, Place

Json: TypeAlias = dict[str, Any]

#: Probability that an account lacks an optional attribute, so that merges can fill it, or has an unusual one.
BLANK = 0.3
#: Maximum number of people: the fictional numbers of the places allow no more without repetition.
MOST_PEOPLE = 2_500
#: Attributes that an account may lack.
OPTIONAL = ("email", "phone", "dob", "gender", "home_city", "country", "language", "time_zone")


@dataclass(frozen=True, kw_only=True)
class Person:
    """One fictional person. Each of their profiles has a part of this data."""

    serial: int
    first_name: str
    last_name: str
    gender: str
    dob: date
    email: str
    phone: str
    place: Place

    @property
    def facts(self) -> Json:
        """The standard attributes in the format of `/users/track`."""
        return {
            "first_name": self.first_name,
            "last_name": self.last_name,
            "gender": self.gender,
            "dob": self.dob.isoformat(),
            "email": self.email,
            "phone": self.phone,
            "home_city": self.place.city,
            "country": self.place.country,
            "language": self.place.language,
            "time_zone": self.place.time_zone,
        }


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One profile from one source: an identifier, and attributes and histories without the identifier."""

    identifier: Json
    attributes: Json
    events: tuple[Json, ...] = ()
    purchases: tuple[Json, ...] = ()
    sessions: tuple[Json, ...] = ()
    engagements: tuple[Json, ...] = ()

    @property
    def identified(self) -> bool:
        """Whether the profile has an external_id."""
        return "external_id" in self.identifier


def make_person(serial: int, rng: Random) -> Person:
    """Return the person number *serial*; serials below MOST_PEOPLE have different addresses and numbers."""
    gender = rng.choice("FM")
    first_name, last_name = rng.choice(GIVEN_NAMES[gender]), rng.choice(SURNAMES)
    place = PLACES[serial % len(PLACES)]
    return Person(
        serial=serial,
        first_name=first_name,
        last_name=last_name,
        gender=gender,
        dob=date(1940, 1, 1) + timedelta(days=rng.randrange(25_000)),
        email=f"{plain(first_name)}.{plain(last_name)}{serial}@{rng.choice(MAIL_DOMAINS)}",
        phone=f"{place.dial}{serial // len(PLACES):0{place.digits}d}",
        place=place,
    )


def plain(name: str) -> str:
    """Return *name* in lower-case ASCII letters, as email addresses commonly use it."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "".join(letter for letter in ascii_name if letter in string.ascii_lowercase)


def make_account(person: Person, *, known: Collection[str], now: datetime, rng: Random) -> Profile:
    """Return the account of *person*. It lacks some attributes, but none of *known*."""
    blank = {name for name in OPTIONAL if name not in known and rng.random() < BLANK}
    device = history.make_device(f"device-{person.serial}", rng)
    attributes = {name: value for name, value in person.facts.items() if name not in blank}
    return Profile(
        identifier={"external_id": f"customer-{person.serial}"},
        attributes=attributes | _extras(person, rng) | {"devices": [device]},
        events=history.make_events(rng.randint(0, 4), now, rng),
        purchases=history.make_purchases(rng.randint(0, 2), now, rng),
        sessions=history.make_sessions(rng.randint(1, 3), device, now, rng),
        engagements=history.make_engagements(rng.randint(0, 2), now, rng),
    )


def _extras(person: Person, rng: Random) -> Json:
    """Return the custom attributes of an account, and sometimes an email subscription."""
    sometimes: Json = {
        "favourite_colours": rng.sample(COLOURS, k=2),
        "address": {"city": person.place.city, "verified": rng.choice((True, False))},
        "email_subscribe": rng.choice(("opted_in", "unsubscribed")),
    }
    always: Json = {"plan": rng.choice(PLANS), "loyalty_points": rng.randrange(0, 5_000, 10)}
    return always | {name: value for name, value in sometimes.items() if rng.random() < BLANK}
