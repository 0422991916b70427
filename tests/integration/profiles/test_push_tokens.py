"""A push token, an app and a token, belongs to the profile that reported it last."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from app.db.connections import Pool
from tests.support.at_once import at_once, while_waiting
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ext
from tests.support.profiles import Json, export, merge, the_profile, track
from tests.support.undos import merge_one, undo_one

TOKEN = {"app_id": "shop", "token": "t-1", "device_id": "phone-1"}
ON_PROFILE = {"app": "shop", "token": "t-1", "device_id": "phone-1"}


def report(caller: Caller, name: str, *tokens: Json) -> Json:
    """Report *tokens*, TOKEN if there are none, for the profile *name*."""
    return track(caller, attributes=[{"external_id": name, "push_tokens": list(tokens or (TOKEN,))}])


def tokens_of(caller: Caller, *names: str) -> list[list[Json]]:
    return [the_profile(caller, name).get("push_tokens", []) for name in names]


def test_a_token_moves_to_the_profile_that_reports_it_last(caller: Caller) -> None:
    other_app = {"app_id": "news", "token": "t-1"}
    other_token = {"app_id": "shop", "token": "t-2"}
    report(caller, "charlie", TOKEN, other_app, other_token)
    report(caller, "kim")

    assert tokens_of(caller, "charlie", "kim") == [
        [{"app": "news", "token": "t-1"}, {"app": "shop", "token": "t-2"}],
        [ON_PROFILE],
    ]

    report(caller, "charlie")

    assert [len(tokens) for tokens in tokens_of(caller, "charlie", "kim")] == [3, 0]


def test_the_profile_that_loses_a_token_keeps_its_other_values_and_the_time_of_its_update(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": "charlie", "plan": "gold", "push_tokens": [TOKEN]}])
    before = the_profile(caller, "charlie")
    report(caller, "kim")

    assert the_profile(caller, "charlie") == {name: value for name, value in before.items() if name != "push_tokens"}


def test_within_one_request_the_last_report_has_the_token(caller: Caller) -> None:
    track(
        caller, attributes=[{"external_id": name, "push_tokens": [TOKEN]} for name in ("charlie", "kim", "lee", "kim")]
    )

    assert tokens_of(caller, "charlie", "kim", "lee") == [[], [ON_PROFILE], []]


def test_a_token_stays_with_the_profile_that_reports_it_again(caller: Caller) -> None:
    for _ in range(2):
        report(caller, "charlie")

    assert tokens_of(caller, "charlie") == [[ON_PROFILE]]


def test_a_token_that_its_profile_removed_is_free(caller: Caller) -> None:
    report(caller, "charlie")
    track(caller, attributes=[{"external_id": "charlie", "push_tokens": None}])
    report(caller, "kim")

    assert tokens_of(caller, "charlie", "kim") == [[], [ON_PROFILE]]


def test_a_token_of_an_unidentified_profile_moves_too(caller: Caller) -> None:
    track(caller, attributes=[{"device_id": "phone-1", "push_tokens": [TOKEN]}])
    report(caller, "kim")
    users = export(caller, device_id="phone-1")

    assert [(user.get("external_id"), user.get("push_tokens")) for user in users] == [
        ("kim", [ON_PROFILE]),
        (None, None),
    ]


def test_another_workspace_keeps_its_token(caller: Caller, configured_caller: Callable[..., Caller]) -> None:
    stranger = configured_caller()
    report(stranger, "charlie")
    report(caller, "kim")

    assert tokens_of(stranger, "charlie") == tokens_of(caller, "kim") == [[ON_PROFILE]]


def test_a_long_token_moves(caller: Caller) -> None:
    # Random text, which an index could not compress.
    long = {"app_id": "shop", "token": "".join(f"{number * 7919 % 104729:x}" for number in range(900))[:4096]}
    report(caller, "charlie", long)
    report(caller, "kim", long)

    assert [len(tokens) for tokens in tokens_of(caller, "charlie", "kim")] == [0, 1]


def test_a_token_that_came_by_a_merge_leaves_the_survivor(caller: Caller, pool: Pool) -> None:
    report(caller, "gus")
    track(caller, attributes=[{"external_id": "charlie"}])
    merge(caller, pool, orphan="gus", survivor="charlie")
    assert tokens_of(caller, "charlie") == [[ON_PROFILE]]
    report(caller, "kim")

    assert tokens_of(caller, "charlie", "kim") == [[], [ON_PROFILE]]


def test_concurrent_reports_leave_the_token_with_one_profile(caller: Caller) -> None:
    names = [f"user-{number}" for number in range(6)]
    both = [TOKEN, {"app_id": "shop", "token": "t-2"}]

    def report_often(name: str, tokens: list[Json]) -> None:
        for _ in range(5):
            report(caller, name, *tokens)

    at_once(
        [
            lambda name=name, tokens=both[:: (-1) ** place]: report_often(name, tokens)
            for place, name in enumerate(names)
        ]
    )  # type: ignore[misc]
    held = tokens_of(caller, *names)

    assert sorted(token["token"] for tokens in held for token in tokens) == ["t-1", "t-2"]


def test_a_report_that_waits_for_a_merge_of_the_holder_takes_the_token_from_the_survivor(
    caller: Caller, pool: Pool, database_url: str
) -> None:
    report(caller, "gus")
    track(caller, attributes=[{"external_id": "charlie"}])
    with psycopg.connect(database_url) as blocker:
        blocker.execute("SELECT 1 FROM profile WHERE external_id = 'gus' FOR UPDATE")

        def merge_then_go_on() -> None:
            # As a merge of the guest does, without waiting for its lock.
            blocker.execute(
                "UPDATE profile SET push_tokens = (SELECT push_tokens FROM profile WHERE external_id = 'gus')"
                " WHERE external_id = 'charlie'"
            )
            blocker.execute(
                "INSERT INTO origin SELECT guest.workspace_id, guest.id, charlie.id FROM profile guest, profile charlie"
                " WHERE guest.external_id = 'gus' AND charlie.external_id = 'charlie'"
            )
            blocker.execute("DELETE FROM profile WHERE external_id = 'gus'")
            blocker.commit()

        while_waiting(database_url, lambda: report(caller, "kim"), then=merge_then_go_on)

    assert tokens_of(caller, "charlie", "kim") == [[], [ON_PROFILE]]


@pytest.fixture
def merged_guest(caller: Caller, pool: Pool) -> str:
    """The id of a job that merged the profile guest, with TOKEN, into charlie."""
    report(caller, "gus")
    track(caller, attributes=[{"external_id": "charlie"}])
    return merge_one(caller, pool, ext("gus"), ext("charlie"))


def test_an_undo_returns_the_token(caller: Caller, pool: Pool, merged_guest: str) -> None:
    undo_one(caller, pool, merged_guest)

    assert tokens_of(caller, "gus", "charlie") == [[ON_PROFILE], []]


def test_an_undo_leaves_a_token_where_it_was_reported_since(caller: Caller, pool: Pool, merged_guest: str) -> None:
    report(caller, "kim")
    undo_one(caller, pool, merged_guest)

    assert tokens_of(caller, "gus", "charlie", "kim") == [[], [], [ON_PROFILE]]


def test_an_undo_leaves_a_token_with_the_survivor_that_reported_it_since(
    caller: Caller, pool: Pool, merged_guest: str
) -> None:
    report(caller, "charlie")
    undo_one(caller, pool, merged_guest)

    assert tokens_of(caller, "gus", "charlie") == [[], [ON_PROFILE]]


def test_a_deletion_erases_the_reports(caller: Caller, pool: Pool, database_url: str, merged_guest: str) -> None:
    assert merged_guest
    caller.post("/users/delete", {"external_ids": ["charlie"]})

    with psycopg.connect(database_url) as connection:
        query = "SELECT count(*) FROM push_token_report WHERE workspace_id = %s"
        assert connection.execute(query, [caller.workspace_id]).fetchone() == (0,)


def test_a_device_id_finds_the_profile_whose_push_token_has_it(caller: Caller) -> None:
    report(caller, "charlie", TOKEN, {"app_id": "news", "token": "t-9", "device_id": "tablet-1"})
    track(caller, attributes=[{"external_id": "kim", "devices": [{"device_id": "phone-1"}]}])
    track(caller, attributes=[{"external_id": "lee", "push_tokens": [{"app_id": "shop", "token": "phone-1"}]}])

    def found(device_id: str) -> list[Any]:
        return [user.get("external_id") for user in export(caller, device_id=device_id)]

    assert found("phone-1") == ["kim", "charlie"]
    assert found("tablet-1") == ["charlie"]
    assert found("t-1") == found("shop:t-1") == []


def test_only_a_new_owner_writes_a_report(caller: Caller, database_url: str) -> None:
    def writes() -> Any:
        with psycopg.connect(database_url) as connection:
            query = "SELECT xmin, ctid FROM push_token_report WHERE workspace_id = %s"
            return connection.execute(query, [caller.workspace_id]).fetchall()

    track(caller, attributes=[{"external_id": "charlie", "plan": "gold"}, {"external_id": "kim", "push_tokens": []}])
    assert writes() == []
    report(caller, "charlie")
    first = writes()
    report(caller, "charlie")

    assert len(first) == 1
    assert writes() == first
