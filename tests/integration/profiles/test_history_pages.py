"""`GET /profiles/{braze_id}/history`: every item once, newest first, with the items of merged profiles."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.db.connections import Pool
from tests.support.flask_caller import Caller
from tests.support.postgres import make_database_url
from tests.support.profiles import Json, merge, the_profile, track

database_url = make_database_url(scope="module")

SPRING = "2026-03-01T08:00:00.000Z"
MAY = "2026-05-01T08:00:00.000Z"
SUMMER = "2026-07-01T08:00:00.000Z"
AUTUMN = "2026-10-01T08:00:00.000Z"
SALE: Json = {"kind": "campaign", "id": "sale", "name": "Summer sale"}


def history(caller: Caller, external_id: str = "me", **query: Any) -> Json:
    """Return a page of the history of the profile with *external_id*."""
    response = caller.get(f"/profiles/{the_profile(caller, external_id)['braze_id']}/history", **query)
    body: Json = response.json

    assert response.status_code == 200, body
    return body


def pages(caller: Caller, external_id: str = "me", **query: Any) -> Iterator[list[Json]]:
    """Yield the pages of the history of the profile with *external_id*, to the end."""
    cursor: dict[str, str] = {}
    while True:
        page = history(caller, external_id, **query, **cursor)
        yield page["history"]
        if page["next_cursor"] is None:
            return
        cursor = {"cursor": page["next_cursor"]}


def one_of_each(time: str, external_id: str = "me") -> dict[str, list[Json]]:
    """Return an event, a purchase, a session and an engagement at *time*, as arrays of /users/track."""
    who = {"external_id": external_id}
    return {
        "events": [{**who, "name": "login", "time": time, "app_id": "web", "properties": {"plan": "pro"}}],
        "purchases": [
            {**who, "product_id": "hat", "currency": "USD", "price": 9.99, "time": time, "properties": {"size": 4}}
        ],
        "sessions": [{**who, "app_id": "ios", "started_at": time, "ended_at": time}],
        "engagements": [{**who, **SALE, "event": "opened", "time": time, "properties": {"link": "top"}}],
    }


def test_an_item_of_each_kind_has_all_that_was_sent(caller: Caller) -> None:
    track(caller, **one_of_each(MAY))
    braze_id = the_profile(caller)["braze_id"]
    shared = {"time": MAY, "origin": braze_id}

    assert history(caller) == {
        "message": "success",
        "braze_id": braze_id,
        "history": [
            {"kind": "event", **shared, "name": "login", "app_id": "web", "properties": {"plan": "pro"}},
            {
                "kind": "purchase",
                **shared,
                "product_id": "hat",
                "currency": "USD",
                "price": 9.99,
                "app_id": None,
                "properties": {"size": 4},
            },
            {"kind": "session", **shared, "app_id": "ios", "ended_at": MAY},
            {
                "kind": "engagement",
                **shared,
                "message_kind": "campaign",
                "message_id": "sale",
                "name": "Summer sale",
                "event": "opened",
                "properties": {"link": "top"},
            },
        ],
        "next_cursor": None,
    }


def test_the_items_of_merged_profiles_have_their_own_braze_ids(caller: Caller, pool: Pool) -> None:
    for name, time in (("a", SUMMER), ("b", SPRING), ("c", MAY)):
        track(caller, **one_of_each(time, name))
    braze_ids = {name: the_profile(caller, name)["braze_id"] for name in "abc"}
    merge(caller, pool, orphan="a", survivor="b")
    merge(caller, pool, orphan="b", survivor="c")
    track(caller, **one_of_each(AUTUMN, "c"))
    items = history(caller, "c")["history"]

    assert [(item["time"], item["kind"], item["origin"]) for item in items] == [
        (time, kind, braze_ids[origin])
        for time, origin in ((AUTUMN, "c"), (SUMMER, "a"), (MAY, "c"), (SPRING, "b"))
        for kind in ("event", "purchase", "session", "engagement")
    ]


def test_pages_have_every_item_once_also_when_many_have_the_same_time(caller: Caller, pool: Pool) -> None:
    for name in ("a", "me"):
        for _ in range(3):
            track(caller, **one_of_each(MAY, name))
        track(caller, **one_of_each(SPRING, name), attributes=[{"external_id": name}])
    merge(caller, pool, orphan="a", survivor="me")
    whole = history(caller, limit=100)["history"]

    assert len(whole) == 32
    for limit in (1, 3, 8, 31, 32):
        in_pages = list(pages(caller, limit=limit))

        assert [item for page in in_pages for item in page] == whole
        assert {len(page) for page in in_pages[:-1]} <= {limit}


def test_items_recorded_between_two_pages_move_no_item(caller: Caller) -> None:
    track(caller, **one_of_each(SPRING), attributes=[{"external_id": "me"}])
    track(caller, **one_of_each(MAY))
    whole = history(caller)["history"]
    first = history(caller, limit=3)
    track(caller, **one_of_each(MAY))
    track(caller, **one_of_each(AUTUMN))
    rest = history(caller, cursor=first["next_cursor"])["history"]
    kinds = [(item["time"], item["kind"]) for item in rest]

    assert first["history"] == whole[:3]
    assert [item for item in rest if item["time"] == SPRING] == whole[4:]
    assert kinds.count((MAY, "engagement")) == 2
    assert len(kinds) == 6


def test_kind_from_and_to_filter_the_items(caller: Caller) -> None:
    for time in (SPRING, MAY, SUMMER):
        track(caller, **one_of_each(time))

    def chosen(**query: Any) -> list[tuple[str, str]]:
        return [(item["time"], item["kind"]) for page in pages(caller, limit=2, **query) for item in page]

    assert chosen(kind="purchase") == [(SUMMER, "purchase"), (MAY, "purchase"), (SPRING, "purchase")]
    assert chosen(kind="event", **{"from": MAY}) == [(SUMMER, "event"), (MAY, "event")]
    assert chosen(kind="session", to=MAY) == [(SPRING, "session")]
    assert len(chosen(**{"from": MAY, "to": SUMMER})) == 4
    assert chosen(**{"from": AUTUMN}) == []


def test_a_purchase_with_a_quantity_of_n_is_n_items(caller: Caller) -> None:
    track(
        caller,
        purchases=[
            {"external_id": "me", "product_id": "hat", "currency": "EUR", "price": 5, "quantity": 3, "time": MAY}
        ],
    )

    assert [item["price"] for item in history(caller)["history"]] == [5, 5, 5]


def test_a_profile_without_events_has_an_empty_history(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": "me"}])

    assert history(caller)["history"] == []


def test_a_profile_that_was_merged_away_is_answered_with_410_and_a_link_to_its_survivor(
    caller: Caller, pool: Pool
) -> None:
    track(caller, **one_of_each(MAY, "a"), attributes=[{"external_id": "b"}])
    orphan, survivor = (the_profile(caller, name)["braze_id"] for name in "ab")
    merge(caller, pool, orphan="a", survivor="b")
    response = caller.get(f"/profiles/{orphan}/history")

    assert response.status_code == 410
    assert response.headers["Link"] == f'</profiles/{survivor}>; rel="canonical"'
    assert survivor in response.json["message"]


def test_a_profile_of_another_workspace_is_answered_with_404(
    caller: Caller, make_caller: Callable[..., Caller]
) -> None:
    track(caller, **one_of_each(MAY))
    braze_id = the_profile(caller)["braze_id"]
    stranger = make_caller()

    assert stranger.get(f"/profiles/{braze_id}/history").status_code == 404
    assert caller.get(f"/profiles/{'0' * 24}/history").status_code == 404
    assert caller.get("/profiles/7/history").status_code == 404


TIME = "must be a time in ISO 8601 with its offset, such as 2026-01-31T09:30:00Z"
CURSOR = "'cursor' must be the next_cursor of an earlier page"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"kind": "click"}, "'kind' must be one of event, purchase, session, engagement"),
        ({"kind": ""}, "'kind' must be one of event, purchase, session, engagement"),
        ({"from": "yesterday"}, f"'from' {TIME}"),
        ({"from": "2026-01-31T09:30:00"}, f"'from' {TIME}"),
        ({"to": "2026-13-31T09:30:00Z"}, f"'to' {TIME}"),
        ({"from": MAY, "to": SPRING}, "'from' must be before 'to'"),
        ({"from": MAY, "to": MAY}, "'from' must be before 'to'"),
        ({"limit": 0}, "'limit' must be a whole number from 1 to 100"),
        ({"limit": 101}, "'limit' must be a whole number from 1 to 100"),
        ({"cursor": "x"}, CURSOR),
        ({"cursor": "²"}, CURSOR),
        ({"cursor": "A" * 23}, None),
        ({"cursor": "_" * 23}, CURSOR),
        ({"cursor": "f" + "A" * 22}, CURSOR),
        ({"cursor": "A" * 11 + "_" * 12}, CURSOR),
        ({"kinds": "event"}, "There is an unknown query parameter; this URL takes: cursor, from, kind, limit, to"),
    ],
)
def test_a_bad_parameter_is_answered_with_400_and_one_sentence(
    caller: Caller, query: dict[str, Any], message: str | None
) -> None:
    track(caller, **one_of_each(MAY))
    response = caller.get(f"/profiles/{the_profile(caller)['braze_id']}/history", **query)

    if message is None:
        assert response.status_code == 200
    else:
        assert (response.status_code, response.json) == (400, {"message": message})


@pytest.mark.parametrize("query", [{"from": "0001-01-01T00:00:00Z"}, {"to": "9999-12-31T09:59:59.999999-14:00"}])
def test_the_first_and_the_last_time_of_the_calendar_are_accepted(caller: Caller, query: dict[str, Any]) -> None:
    track(caller, **one_of_each(MAY))
    first = history(caller, **query, limit=1)

    assert len(history(caller, **query, cursor=first["next_cursor"])["history"]) == 3


@pytest.mark.parametrize("query", [{"from": "0001-01-01T00:00:00+14:00"}, {"to": "9999-12-31T23:59:59.999999-14:00"}])
def test_a_time_whose_offset_leads_out_of_the_calendar_is_refused(caller: Caller, query: dict[str, str]) -> None:
    track(caller, **one_of_each(MAY))
    response = caller.get(f"/profiles/{the_profile(caller)['braze_id']}/history", **query)

    (name,) = query
    message = f"'{name}' must be a time in the years 1 to 9999 of UTC"
    assert (response.status_code, response.json) == (400, {"message": message})
