"""Consent is copied between profiles while other requests and merges change them."""

from collections.abc import Iterator

import psycopg
import pytest
from uuid_utils import uuid7

from app.db.connections import Pool
from tests.support.at_once import at_once, while_waiting
from tests.support.flask_caller import Caller
from tests.support.profiles import Json, export, merge, the_profile, track

BOTH = "both@example.com"
ROUNDS = 12


@pytest.fixture
def other(database_url: str) -> Iterator[psycopg.Connection]:
    """A connection with another request in progress."""
    with psycopg.connect(database_url) as connection:
        yield connection


def state(caller: Caller, external_id: str) -> str:
    found: str = the_profile(caller, external_id)["email_subscribe"]
    return found


def people(caller: Caller, *external_ids: str, email: str = BOTH) -> None:
    track(caller, attributes=[{"external_id": each, "email": email} for each in external_ids])


def unsubscribe(**identifier: str) -> Json:
    return {**identifier, "email_subscribe": "unsubscribed"}


def test_requests_for_the_same_people_in_opposite_order_do_not_deadlock(
    caller: Caller, other: psycopg.Connection
) -> None:
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    people(caller, "a1", "a2", "a3", email="a@example.com")
    people(caller, "b1", "b2", "b3", email="b@example.com")
    other.autocommit = True
    before = other.execute(deadlocks).fetchone()
    for round_ in range(ROUNDS):
        flag = {"email_open_tracking_disabled": bool(round_ % 2)}
        objects = [{"external_id": each, **flag, "email_subscribe": "opted_in"} for each in ("a1", "b1")]
        others = [
            {"external_id": "b3", **flag, "email": "a@example.com"},
            {"external_id": "a3", "email": "b@example.com", "email_subscribe": "unsubscribed"},
        ]
        orders = (objects, objects[::-1], others, others[::-1])
        at_once([lambda order=order: track(caller, attributes=order) for order in orders])

    assert other.execute(deadlocks).fetchone() == before


@pytest.mark.parametrize("fresh", [False, True])
def test_a_state_reaches_a_profile_that_takes_the_address_meanwhile(caller: Caller, *, fresh: bool) -> None:
    for round_ in range(ROUNDS):
        email, taker = f"{uuid7()}@example.com", f"taker-{round_}"
        if not fresh:
            people(caller, f"holder-{round_}", email=email)
        at_once(
            [
                lambda email=email: track(caller, attributes=[unsubscribe(email=email)]),
                lambda email=email, taker=taker: people(caller, taker, email=email),
            ]
        )

        assert {user["email_subscribe"] for user in export(caller, email_address=email)} == {"unsubscribed"}


def test_a_state_reaches_the_profile_to_which_a_merge_brings_the_address_meanwhile(
    caller: Caller, other: psycopg.Connection, database_url: str
) -> None:
    people(caller, "setter", "orphan")
    track(caller, attributes=[{"external_id": "survivor"}])
    other.execute("DELETE FROM profile WHERE external_id = 'orphan'")
    taken = "UPDATE profile SET email = %s, email_key = %s WHERE external_id = 'survivor'"
    other.execute(taken, [BOTH, BOTH])
    track_setter = lambda: track(caller, attributes=[unsubscribe(external_id="setter")])  # noqa: E731 - called once
    while_waiting(database_url, track_setter, then=other.commit)

    assert [state(caller, each) for each in ("setter", "survivor")] == ["unsubscribed"] * 2


def test_a_state_goes_to_the_address_that_the_profile_has_by_then(
    caller: Caller, other: psycopg.Connection, database_url: str
) -> None:
    people(caller, "setter", "former")
    people(caller, "present", email="new@example.com")
    moved = "UPDATE profile SET email = 'new@example.com', email_key = 'new@example.com' WHERE external_id = 'setter'"
    other.execute(moved)
    track_setter = lambda: track(caller, attributes=[unsubscribe(external_id="setter")])  # noqa: E731 - called once
    while_waiting(database_url, track_setter, then=other.commit)

    assert [state(caller, each) for each in ("setter", "former", "present")] == [
        "unsubscribed",
        "subscribed",
        "unsubscribed",
    ]


def test_a_state_is_not_lost_during_merges_of_profiles_with_the_address(caller: Caller, pool: Pool) -> None:
    people(caller, "setter", "survivor")
    for round_ in range(ROUNDS):
        orphan = f"orphan-{round_}"
        people(caller, orphan)
        wanted = ("unsubscribed", "subscribed")[round_ % 2]
        at_once(
            [
                lambda wanted=wanted: track(caller, attributes=[{"external_id": "setter", "email_subscribe": wanted}]),
                lambda orphan=orphan: merge(caller, pool, orphan=orphan, survivor="survivor"),
            ]
        )

        assert [state(caller, each) for each in ("setter", "survivor")] == [wanted] * 2
