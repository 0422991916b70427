"""Requests concurrent with an uncommitted one: each test holds a lock and releases it."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from app.db.connections import Pool
from app.db.transaction import STABLE_ATTEMPTS, Transaction, retry_until_stable
from app.errors import ResolutionUnsettled
from app.users.aliases import TAKEN, UNKNOWN_OWNER
from tests.support.flask_caller import Caller
from tests.support.profiles import NOON, Json, export, the_profile, track
from tests.support.waiting import wait_until


@pytest.fixture
def other(database_url: str) -> Iterator[psycopg.Connection]:
    """A connection with another request in progress."""
    with psycopg.connect(database_url) as connection:
        yield connection


@pytest.fixture
def while_waiting(database_url: str, caller: Caller) -> Iterator[Callable[..., Json]]:
    """A function that sends a request, calls *then* when the request waits for a lock, and returns the response."""

    def send(then: Callable[[], Any], path: str = "/users/track", **arrays: Any) -> Json:
        answers: list[Json] = []
        thread = threading.Thread(target=lambda: answers.append(caller.post(path, arrays).json))
        thread.start()
        wait_until(waiting, what="the request to wait for a lock")
        then()
        thread.join()
        (answer,) = answers
        return answer

    with psycopg.connect(database_url, autocommit=True) as observer:
        query = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        waiting = lambda: observer.execute(query).fetchone()  # noqa: E731 - the connection is the fixture's
        yield send


def test_a_profile_that_is_deleted_before_it_is_locked_is_looked_up_again(
    caller: Caller, other: psycopg.Connection, while_waiting: Callable[..., Json]
) -> None:
    track(caller, attributes=[{"external_id": "me"}])
    before = the_profile(caller)
    other.execute("DELETE FROM profile WHERE external_id = 'me'")
    answer = while_waiting(other.commit, attributes=[{"external_id": "me", "first_name": "A"}])
    after = the_profile(caller)

    assert answer["attributes_processed"] == 1
    assert after["first_name"] == "A"
    assert after["braze_id"] != before["braze_id"]


def test_an_external_id_that_another_request_takes_meanwhile_finds_its_profile(
    caller: Caller, other: psycopg.Connection, while_waiting: Callable[..., Json]
) -> None:
    other.execute(
        "INSERT INTO profile (workspace_id, braze_id, external_id, created_at, updated_at, random_bucket)"
        " VALUES (%s, %s, 'me', now(), now(), 0)",
        [caller.workspace_id, "a" * 24],
    )
    while_waiting(other.commit, events=[{"external_id": "me", "name": "login", "time": NOON}])
    user = the_profile(caller)

    assert user["braze_id"] == "a" * 24
    assert user["custom_events"][0]["count"] == 1


def test_an_address_that_another_request_takes_meanwhile_finds_its_profile(
    caller: Caller, other: psycopg.Connection, while_waiting: Callable[..., Json]
) -> None:
    claim = "SELECT pg_advisory_xact_lock(hashtextextended('email:a@x.org', %s))"
    other.execute(claim, [caller.workspace_id])
    other.execute(
        "INSERT INTO profile"
        " (workspace_id, braze_id, email, email_key, created_at, updated_at, random_bucket)"
        " VALUES (%s, %s, 'A@x.org', 'a@x.org', now(), now(), 0)",
        [caller.workspace_id, "a" * 24],
    )
    while_waiting(other.commit, attributes=[{"email": "a@X.org", "first_name": "A"}])
    (user,) = export(caller, email_address="a@x.org")

    assert (user["braze_id"], user["first_name"]) == ("a" * 24, "A")


def test_an_alias_that_another_request_takes_meanwhile_finds_its_profile(
    caller: Caller, other: psycopg.Connection, while_waiting: Callable[..., Json]
) -> None:
    track(caller, attributes=[{"external_id": "me"}])
    other.execute(
        "INSERT INTO user_alias (workspace_id, label, name, profile_id)"
        " SELECT workspace_id, 'shop', '7', id FROM profile WHERE external_id = 'me'"
    )
    alias = {"alias_label": "shop", "alias_name": "7"}
    while_waiting(other.commit, attributes=[{"user_alias": alias, "_update_existing_only": False, "first_name": "A"}])

    assert the_profile(caller)["first_name"] == "A"


def test_an_alias_for_a_profile_that_is_deleted_meanwhile_is_a_warning(
    caller: Caller, other: psycopg.Connection, while_waiting: Callable[..., Json]
) -> None:
    track(caller, attributes=[{"external_id": "me"}])
    other.execute("DELETE FROM profile WHERE external_id = 'me'")
    alias = {"external_id": "me", "alias_label": "shop", "alias_name": "7"}
    answer = while_waiting(other.commit, "/users/alias/new", user_aliases=[alias])

    assert answer["aliases_processed"] == 1
    assert [each["type"] for each in answer["warnings"]] == [UNKNOWN_OWNER]
    assert export(caller, external_ids=["me"], user_aliases=[{"alias_label": "shop", "alias_name": "7"}]) == []


def test_an_alias_that_another_request_adds_meanwhile_is_a_warning(
    caller: Caller, other: psycopg.Connection, while_waiting: Callable[..., Json]
) -> None:
    track(caller, attributes=[{"external_id": "me"}, {"external_id": "you"}])
    other.execute(
        "INSERT INTO user_alias (workspace_id, label, name, profile_id)"
        " SELECT workspace_id, 'shop', '7', id FROM profile WHERE external_id = 'you'"
    )
    alias = {"external_id": "me", "alias_label": "shop", "alias_name": "7"}
    answer = while_waiting(other.commit, "/users/alias/new", user_aliases=[alias])

    assert [each["type"] for each in answer["warnings"]] == [TAKEN]
    assert the_profile(caller)["user_aliases"] == []


def test_a_device_that_two_requests_send_at_once_creates_one_profile(
    caller: Caller, other: psycopg.Connection, while_waiting: Callable[..., Json]
) -> None:
    (row,) = other.execute("SELECT hashtextextended('device_id:d', %s)", [caller.workspace_id]).fetchall()
    other.execute("SELECT pg_advisory_xact_lock(%s)", row)
    other.execute(
        "INSERT INTO profile (workspace_id, braze_id, created_at, updated_at, random_bucket, devices)"
        " VALUES (%s, %s, now(), now(), 0, %s)",
        [caller.workspace_id, "a" * 24, Jsonb({"d": {"device_id": "d"}})],
    )
    while_waiting(other.commit, attributes=[{"device_id": "d", "first_name": "A"}])
    (user,) = export(caller, device_id="d")

    assert (user["braze_id"], user["first_name"]) == ("a" * 24, "A")


def test_a_request_whose_profiles_keep_changing_raises(pool: Pool) -> None:
    attempts: list[int] = []

    def unsettled(tx: Transaction) -> None:
        attempts.append(tx.connection.info.backend_pid)
        raise ResolutionUnsettled("The profiles changed again.")

    with pytest.raises(ResolutionUnsettled):
        retry_until_stable(pool, 1, unsettled)

    assert len(attempts) == STABLE_ATTEMPTS
