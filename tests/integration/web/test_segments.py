"""`POST /segments/query`: pages, counts, permissions, and the error messages of invalid filters."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from app import keys
from app.config import Settings
from app.db.connections import Connection
from app.web import create_app
from app.web.resources import resources_of
from tests.support.flask_caller import Caller
from tests.support.profiles import Json, track
from tests.support.waiting import wait_until

BLANK = {"external_id": {"comparison": "does_not_exist"}}
NAMED = {"external_id": {"comparison": "exists"}}
PLACES = (
    "must be an object with exactly one key: AND, OR, custom_attribute, attribute, external_id,"
    " push_subscription_status, email_subscription_status, last_used_app, custom_event, purchase, money_spent,"
    " custom_event_property, purchase_property, custom_event_summary, purchase_summary, campaign, canvas, canvas_step,"
    " engagement, app, device, user_alias, subscription_group"
)


def query(caller: Caller, filter_: Any = NAMED, **more: Any) -> Json:
    """Return the response of a valid segment query."""
    response = caller.post("/segments/query", {"filter": filter_, **more})
    body: Json = response.json

    assert response.status_code == 200, body
    return body


def custom(**leaf: Any) -> Json:
    return {"custom_attribute": {"custom_attribute_name": "x", "comparison": "equals", "value": 1, **leaf}}


def nested(depth: int) -> Any:
    """Return a filter in *depth* nested groups."""
    filter_: Any = NAMED
    for _ in range(depth):
        filter_ = {"AND": [filter_]}
    return filter_


def test_a_segment_has_a_count_and_profiles_like_an_export(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": "a", "first_name": "Ada"}, {"external_id": "b"}])
    exported = caller.post("/users/export/ids", {"external_ids": ["a", "b"]}).json["users"]

    assert query(caller) == {"message": "success", "count": 2, "profiles": exported, "next_cursor": None}


def test_each_page_has_other_profiles_and_the_total_count(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": f"user-{number}"} for number in range(7)])
    pages, cursor = [], None
    while cursor or not pages:
        pages.append(query(caller, limit=3, cursor=cursor))
        cursor = pages[-1]["next_cursor"]

    assert [len(page["profiles"]) for page in pages] == [3, 3, 1]
    assert [page["count"] for page in pages] == [7, 7, 7]
    assert len({profile["braze_id"] for page in pages for profile in page["profiles"]}) == 7


def test_an_exactly_full_last_page_has_no_cursor(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": f"user-{number}"} for number in range(3)])

    assert query(caller, limit=3)["next_cursor"] is None


def test_a_profile_that_is_created_between_two_pages_is_on_the_last_page(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": "a"}, {"external_id": "b"}])
    first = query(caller, limit=1)
    track(caller, attributes=[{"external_id": "c"}])
    second = query(caller, limit=2, cursor=first["next_cursor"])

    assert len(second["profiles"]) == 2
    assert (first["count"], second["count"], second["next_cursor"]) == (2, 3, None)


def test_only_the_requested_fields_are_returned(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": "a", "first_name": "Ada"}])
    (shown,) = query(caller, fields_to_export=["external_id", "cards_clicked"])["profiles"]

    assert shown == {"external_id": "a"}


def test_no_filter_finds_profiles_of_another_workspace(make_caller: Callable[..., Caller]) -> None:
    here, there = make_caller(), make_caller()
    track(
        there,
        attributes=[{"external_id": "a", "x": 1}],
        events=[{"external_id": "a", "name": "e", "time": "2026-05-01"}],
    )
    filters = [NAMED, custom(), custom(comparison="not_equal", value=2), {"OR": [BLANK, custom(value=0)]}]

    assert [query(here, each)["count"] for each in filters] == [0, 0, 0, 0]


def test_a_segment_needs_the_permission_segments_query(make_caller: Callable[..., Caller]) -> None:
    others = tuple(name for name in keys.PERMISSIONS if name != "segments.query")
    refused = make_caller(permissions=others).post("/segments/query", {"filter": NAMED})
    answered = make_caller(permissions=("segments.query",)).post("/segments/query", {"filter": NAMED})

    assert (refused.status_code, refused.json) == (403, {"message": "Access Denied"})
    assert answered.status_code == 200


@pytest.mark.parametrize(
    ("filter_", "sentence"),
    [
        ({}, f"'filter' {PLACES}"),
        ([], f"'filter' {PLACES}"),
        ("x", f"'filter' {PLACES}"),
        ({"XOR": []}, f"'filter' {PLACES}"),
        ({**NAMED, "AND": [NAMED]}, f"'filter' {PLACES}"),
        ({"AND": []}, "'filter.AND' must be an array of 1 to 50 filters"),
        ({"AND": NAMED}, "'filter.AND' must be an array of 1 to 50 filters"),
        ({"OR": [NAMED, {"AND": [NAMED, 5]}]}, f"'filter.OR.1.AND.1' {PLACES}"),
        ({"AND": [NAMED] * 51}, "'filter.AND' must be an array of 1 to 50 filters"),
        ({"AND": [{"OR": [NAMED] * 26}, {"OR": [NAMED] * 25}]}, "'filter' may not hold more than 50 filters"),
        (nested(9), f"'filter{'.AND.0' * 8}.AND' may not nest deeper than 8 groups"),
        (
            {"OR": [{"money_spent": {"comparison": "exactly", "value": 1, "days": 1}}] * 11},
            "'filter' may not hold more than 10 filters that look back some days",
        ),
        ({"AND": [{"external_id": "exists"}]}, "'filter.AND.0.external_id' must be an object"),
        ({"external_id": {}}, "'filter.external_id.comparison' is required"),
        (
            {"external_id": {"comparison": "is"}},
            (
                "'filter.external_id.comparison' must be one of equals, not_equal, does_not_equal, exists and "
                "does_not_exist"
            ),
        ),
        ({"external_id": {"comparison": "equals"}}, "'filter.external_id.value' is required"),
        ({"external_id": {"comparison": "equals", "value": 5}}, "'filter.external_id.value' must be a string"),
        ({"external_id": {"comparison": "exists", "name": "x"}}, "'filter.external_id.name' is no key of this filter"),
        ({"AND": [NAMED, custom(comparison=5)]}, "'filter.AND.1.custom_attribute.comparison' must be a string"),
        (custom(custom_attribute_name=""), "'filter.custom_attribute.custom_attribute_name' may not be empty"),
        (custom(value=None), "'filter.custom_attribute.value' is required"),
        (custom(value=[1]), "'filter.custom_attribute.value' must be a string, a number, true or false"),
        (custom(value="x" * 256), "'filter.custom_attribute.value' may not be longer than 255 characters"),
        (custom(comparison="matches_regex"), "'filter.custom_attribute.value' must be a string"),
        (
            custom(comparison="matches_regex", value="x" * 1001),
            "'filter.custom_attribute.value' may not be longer than 1000 characters",
        ),
        (
            {"AND": [NAMED, custom(comparison="matches_regex", value="a(b")]},
            (
                "'filter.AND.1.custom_attribute.value' is refused by PostgreSQL:"
                " invalid regular expression: parentheses () not balanced."
            ),
        ),
        (
            custom(comparison="greater_than", value="1"),
            (
                "'filter.custom_attribute.value' must be a number from"
                " -9,223,372,036,854,775,808 to 18,446,744,073,709,551,615"
            ),
        ),
        (
            custom(comparison="less_than_x_days_ago", value=-1),
            "'filter.custom_attribute.value' must be a number from 0 to 36,500",
        ),
        (custom(comparison="after", value="soon"), "'filter.custom_attribute.value' must be a moment in ISO 8601 form"),
        (
            {"attribute": {"name": "plan", "comparison": "equals", "value": "x"}},
            (
                "'filter.attribute.name' must be one of first_name, last_name, gender, home_city, country, language,"
                " time_zone, email, phone, random_bucket, session_count, purchase_count, total_revenue, created_at,"
                " dob, first_session, last_session, first_purchase, last_purchase and test_user"
            ),
        ),
        (
            {"attribute": {"name": "dob", "comparison": "equals", "value": "1990-01-01"}},
            (
                "'filter.attribute.comparison' must be one of less_than_x_days_ago, greater_than_x_days_ago,"
                " less_than_x_days_in_the_future, greater_than_x_days_in_the_future, after, before, exists and"
                " does_not_exist"
            ),
        ),
        (
            {"email_subscription_status": {"comparison": "is", "value": "maybe"}},
            "'filter.email_subscription_status.value' must be one of opted_in, subscribed and unsubscribed",
        ),
        (
            {"custom_event": {"name": "e", "comparison": "more_than", "count": 51, "days": 1}},
            "'filter.custom_event.count' must be a whole number from 0 to 50",
        ),
        (
            {"custom_event": {"name": "e", "comparison": "more_than", "count": 1, "days": 31}},
            "'filter.custom_event.days' must be a whole number from 1 to 30",
        ),
        (
            {"purchase": {"comparison": "at_least", "count": 1, "days": 30}},
            "'filter.purchase.comparison' must be one of more_than, less_than and exactly",
        ),
        ({"purchase": {"comparison": "exactly", "days": 30}}, "'filter.purchase.count' is required"),
    ],
    ids=lambda value: value[:60] if isinstance(value, str) else "",
)
def test_an_invalid_filter_is_refused_with_the_path_of_its_error(caller: Caller, filter_: Any, sentence: str) -> None:
    response = caller.post("/segments/query", {"filter": filter_})

    assert (response.status_code, response.json) == (400, {"message": sentence})


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ([], "The request body must be a JSON object."),
        ({}, "'filter' is required"),
        ({"filter": None}, "'filter' may not be null"),
        ({"filter": NAMED, "limit": 0}, "'limit' must be a whole number from 1 to 100"),
        ({"filter": NAMED, "limit": 101}, "'limit' must be a whole number from 1 to 100"),
        ({"filter": NAMED, "limit": True}, "'limit' must be a whole number from 1 to 100"),
        ({"filter": NAMED, "cursor": "x"}, "'cursor' must be the next_cursor of an earlier page"),
        ({"filter": NAMED, "cursor": "x" * 400}, "'cursor' must be the next_cursor of an earlier page"),
        ({"filter": NAMED, "cursor": "é"}, "'cursor' must be the next_cursor of an earlier page"),
        ({"filter": NAMED, "cursor": 5}, "'cursor' must be the next_cursor of an earlier page"),
        ({"filter": NAMED, "cursor": "_" * 10 + "8"}, "'cursor' must be the next_cursor of an earlier page"),
        ({"filter": NAMED, "page": 2}, "'page' is no key of this request; its keys are filter, limit, cursor,"),
        ({"filter": NAMED, "fields_to_export": ["plan"]}, "'fields_to_export' names 'plan', which is no field of"),
        ({"filter": NAMED, "fields_to_export": "plan"}, "'fields_to_export' must be an array"),
    ],
    ids=str,
)
def test_an_invalid_body_is_refused_with_a_message(caller: Caller, body: Any, sentence: str) -> None:
    response = caller.post("/segments/query", body)

    assert response.status_code == 400
    assert response.json["message"].startswith(sentence)


def test_a_filter_of_the_maximum_size_is_accepted(caller: Caller) -> None:
    lately = {"custom_event": {"name": "e", "comparison": "exactly", "count": 0, "days": 30}}
    leaves = [custom(custom_attribute_name=f"x{number}", value=number) for number in range(39)]

    assert query(caller, {"OR": [*leaves, nested(7), *[lately] * 10]})["count"] == 0


def test_a_segment_that_takes_too_long_is_refused_and_its_connection_stays_usable(
    database_url: str, make_caller: Callable[..., Caller]
) -> None:
    secret = make_caller().secret
    flask = create_app(Settings(database_url=database_url, statement_timeout_ms=300, pool_size=1))
    client = flask.test_client()

    def ask() -> Any:
        return client.post("/segments/query", json={"filter": NAMED}, headers={"Authorization": f"Bearer {secret}"})

    try:
        with psycopg.connect(database_url) as other:
            other.execute("LOCK TABLE profile")
            refused = ask()
        answered = ask()
    finally:
        resources_of(flask).close()

    assert refused.status_code == 400
    assert refused.json["message"].startswith("The segment takes too long to count;")
    assert answered.json["count"] == 0


def test_a_segment_whose_connection_breaks_gets_503(database_url: str, connection: Connection, caller: Caller) -> None:
    waiting = """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'
    """
    with psycopg.connect(database_url) as other, ThreadPoolExecutor(1) as thread:
        other.execute("LOCK TABLE profile")
        pending = thread.submit(caller.post, "/segments/query", {"filter": NAMED})
        wait_until(
            lambda: connection.execute(waiting).fetchone(), what="the waiting query, whose connection is terminated"
        )
        other.rollback()
        broken = pending.result(timeout=30)

    assert broken.status_code == 503
    assert query(caller)["count"] == 0


def test_the_message_about_an_unknown_member_is_short(caller: Caller) -> None:
    long, lines = "k" * 50_000, "a\nb"
    bodies = (
        {long: 1},
        {lines: 1},
        {"filter": {"external_id": {"comparison": "exists", long: 1}}},
        {"filter": NAMED, "fields_to_export": [lines]},
    )
    sentences = [caller.post("/segments/query", body).json["message"] for body in bodies]

    assert max(map(len, sentences)) < 300
    assert not any("\n" in sentence for sentence in sentences)
