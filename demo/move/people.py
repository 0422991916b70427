"""A generated export of the vendor: people, and the vendor's profiles of each of them."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from random import Random
from typing import Any

Json = dict[str, Any]

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
#: The last 90 days, which the vendor's summaries cover.
SUMMARY_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
EVENTS = ("login", "added to cart", "played a song", "rated")
PRODUCTS = ("hat", "book", "mug")
APPS = (("Shop", "iOS"), ("Shop", "Android"), ("News", "Web"))
PLANS = ("free", "silver", "gold")
NAMES = ("Ada", "Grace", "Zoë", "Émile", "Lê", "O'Neil")


class Person:
    """A person with a few profiles. Each method returns the identifying members of one profile."""

    def __init__(self, number: int) -> None:
        self._number = number

    def account(self) -> Json:
        """Return the first account: an external_id and an email."""
        return {"external_id": f"customer-{self._number}", "email": f"p{self._number}@example.com"}

    def second_account(self) -> Json:
        """Return an account of a second sign-up, with a typed phone number."""
        digits = f"{self._number:07}"
        return {"external_id": f"old-{self._number}", "phone": f"+49 (1512) {digits[:3]}-{digits[3:]}"}

    def guest(self) -> Json:
        """Return a guest who typed the email in another case."""
        alias = {"alias_label": "checkout", "alias_name": f"guest-{self._number}"}
        return {"user_aliases": [alias], "email": f"P{self._number}@Example.com"}

    def subscriber(self) -> Json:
        """Return a subscriber of the newsletter, with only an email."""
        return {"email": f"p{self._number}@example.com"}

    def caller(self) -> Json:
        """Return a guest whose order has an email and a phone number."""
        return {**self.guest(), **self.texter()}

    def texter(self) -> Json:
        """Return a profile with only a phone number."""
        return {"phone": f"+491512{self._number:07}"}

    def visitor(self) -> Json:
        """Return a visitor of the app, with only a device and an alias."""
        return {"user_aliases": [{"alias_label": "app", "alias_name": f"visitor-{self._number}"}]}


Make = Callable[[Person], Json]
#: The profiles of one person, and their relative frequency.
KINDS: tuple[tuple[tuple[Make, ...], int], ...] = (
    ((Person.account,), 45),
    ((Person.visitor,), 10),
    ((Person.account, Person.guest), 15),
    ((Person.account, Person.subscriber, Person.guest), 5),
    ((Person.guest, Person.subscriber), 5),
    ((Person.second_account, Person.texter), 5),
    # The email connects the account and the caller. The caller's phone number connects the second account.
    ((Person.account, Person.caller, Person.second_account), 10),
    ((Person.caller, Person.texter, Person.visitor), 5),
)


def make_export(profiles: int, *, seed: int) -> Iterator[Json]:
    """Yield *profiles* profiles in the format of the vendor's segment export, in any order of people and ages."""
    chance = Random(seed)
    everyone = (profile for number in count() for profile in _profiles_of(Person(number), chance))
    # Each profile has its own age, so that no two have the same creation time.
    ages = chance.sample(range(profiles), profiles)
    for age, named in zip(ages, islice(everyone, profiles), strict=True):
        yield _profile(named, chance, age=age)


def _profiles_of(person: Person, chance: Random) -> Iterator[Json]:
    (makers,) = chance.choices([makers for makers, _ in KINDS], [weight for _, weight in KINDS])
    for make in makers:
        yield make(person)


def _profile(named: Json, chance: Random, *, age: int) -> Json:
    """Return a whole profile in the shape of `/users/export/ids`."""
    purchases = [_activity(product, chance) for product in chance.sample(PRODUCTS, chance.randrange(3))]
    spent = sum(each["count"] for each in purchases) * chance.randrange(100, 9_000)
    device = f"{chance.getrandbits(128):032x}"
    return {
        "braze_id": f"{chance.getrandbits(96):024x}",
        "created_at": _text(BEGIN + timedelta(minutes=age)),
        "user_aliases": [],
        **named,
        "first_name": chance.choice(NAMES),
        "language": chance.choice(("en", "de", "fr")),
        "random_bucket": chance.randrange(10_000),
        "total_revenue": spent / 100,
        "custom_attributes": {"plan": chance.choice(PLANS), "seats": chance.randrange(9), "tags": ["a", "b"]},
        "custom_events": [_activity(event, chance) for event in chance.sample(EVENTS, chance.randrange(4))],
        "purchases": purchases,
        "apps": [_app(*app, chance) for app in chance.sample(APPS, chance.randrange(3))],
        "devices": [{"device_id": device, "model": "Pixel 9", "os": "Android 16", "carrier": "none"}],
        "push_tokens": [{"app": "Shop", "platform": "Android", "token": device, "device_id": device}],
        "subscription_groups": [
            {"subscription_group_id": "news", "subscription_state": "subscribed"},
        ],
        "campaigns_received": [
            {
                "name": "Welcome",
                "api_campaign_id": f"c-{chance.randrange(3)}",
                "last_received": _moment(chance),
                "engaged": {"opened_email": chance.choice((True, False))},
                "converted": False,
            }
        ],
        "canvases_received": [
            {
                "name": "Onboarding",
                "api_canvas_id": "onboarding",
                "last_received_message": _moment(chance),
                "last_entered": _moment(chance),
                "steps_received": [{"name": "Hello", "api_canvas_step_id": "hello", "last_received": _moment(chance)}],
            }
        ],
    }


def _activity(name: str, chance: Random) -> Json:
    first, last = sorted((_moment(chance), _moment(chance)))
    return {"name": name, "count": chance.randrange(1, 30), "first": first, "last": last}


def _app(name: str, platform: str, chance: Random) -> Json:
    first, last = sorted((_moment(chance), _moment(chance)))
    sessions = chance.randrange(1, 50)
    return {"name": name, "platform": platform, "sessions": sessions, "first_used": first, "last_used": last}


def _moment(chance: Random) -> str:
    return _text(SUMMARY_BEGIN + timedelta(seconds=chance.randrange(90 * 24 * 3600)))


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
