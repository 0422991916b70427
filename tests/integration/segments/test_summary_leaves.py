"""The leaves about messages, apps, devices, aliases and groups, by the profiles that they find."""

from typing import Any

import pytest

from app.db.connections import Pool
from tests.support.filters import Find, ago, event, leaf, purchase, shown
from tests.support.flask_caller import Caller
from tests.support.postgres import make_database_url
from tests.support.profiles import Json, merge, track

database_url = make_database_url(scope="module")


def engagement(external_id: str, kind: str, message: str, event: str, **more: Any) -> Json:
    given = {"external_id": external_id, "kind": kind, "id": message, "event": event}
    return {**given, "time": ago(days=2), **more}


ENGAGEMENTS = [
    engagement("opened", "campaign", "c1", "received", name="Spring", variation_name="A", in_control=False),
    engagement("opened", "campaign", "c1", "opened", time=ago(days=1)),
    engagement("received", "campaign", "c1", "received", variation_name="B", in_control=True, time=ago(days=20)),
    engagement("converted", "campaign", "c1", "converted"),
    engagement("other", "campaign", "c2", "opened", time=ago(days=10)),
    engagement("canvas", "canvas", "c1", "entered", name="Tour", time=ago(days=9)),
    engagement("canvas", "canvas", "c1", "received", step_id="s1", step_name="Hello"),
    engagement("canvas", "canvas", "c1", "clicked"),
    engagement("exited", "canvas", "c1", "exited"),
]


@pytest.mark.parametrize(
    ("kind", "members", "comparison", "expected"),
    [
        ("campaign", {}, ("exists",), ["opened", "received"]),
        ("campaign", {}, ("does_not_exist",), ["canvas", "converted", "exited", "other"]),
        ("campaign", {}, ("less_than_x_days_ago", 3), ["opened"]),
        ("campaign", {"field": "last_received"}, ("greater_than_x_days_ago", 3), ["received"]),
        ("campaign", {"field": "converted"}, ("equals", True), ["converted"]),
        ("campaign", {"field": "in_control"}, ("equals", False), ["opened"]),
        ("campaign", {"field": "in_control"}, ("equals", True), ["received"]),
        ("campaign", {"field": "variation_name"}, ("equals", "A"), ["opened"]),
        ("campaign", {"field": "variation_name"}, ("exists",), ["opened", "received"]),
        ("campaign", {"field": "name"}, ("matches_regex", "^spr"), ["opened"]),
        ("canvas", {}, ("exists",), ["canvas"]),
        ("canvas", {"field": "last_entered"}, ("greater_than_x_days_ago", 8), ["canvas"]),
        ("canvas", {"field": "last_exited"}, ("after", ago(days=3)), ["exited"]),
        ("canvas", {"field": "name"}, ("equals", "Tour"), ["canvas"]),
        ("canvas_step", {}, ("exists",), ["canvas"]),
        ("canvas_step", {"field": "name"}, ("equals", "Hello"), ["canvas"]),
        ("canvas_step", {"field": "name", "api_canvas_step_id": "s2"}, ("exists",), []),
    ],
    ids=shown,
)
def test_received_messages_are_compared(
    caller: Caller, find: Find, kind: str, members: Json, comparison: tuple[Any, ...], expected: list[str]
) -> None:
    track(caller, engagements=ENGAGEMENTS)
    named = {"campaign": {"api_campaign_id": "c1"}, "canvas": {"api_canvas_id": "c1"}}
    named["canvas_step"] = {**named["canvas"], "api_canvas_step_id": "s1"}

    assert find(leaf(kind, *comparison, **{**named[kind], **members})) == expected


@pytest.mark.parametrize(
    ("event", "members", "comparison", "expected"),
    [
        ("opened", {}, ("exists",), ["opened", "other"]),
        ("opened", {}, ("does_not_exist",), ["canvas", "converted", "exited", "received"]),
        ("opened", {}, ("less_than_x_days_ago", 5), ["opened"]),
        ("opened", {}, ("before", ago(days=5)), ["other"]),
        ("opened", {"api_campaign_id": "c1"}, ("exists",), ["opened"]),
        ("clicked", {"api_canvas_id": "c1"}, ("exists",), ["canvas"]),
        ("clicked", {"api_campaign_id": "c1"}, ("exists",), []),
        ("received", {"api_campaign_id": "c1"}, ("exists",), ["opened", "received"]),
        ("converted", {"api_campaign_id": "c1"}, ("exists",), ["converted"]),
        ("entered", {"api_canvas_id": "c1"}, ("exists",), ["canvas"]),
        (
            "exited",
            {"api_canvas_id": "c1"},
            ("does_not_exist",),
            ["canvas", "converted", "opened", "other", "received"],
        ),
    ],
    ids=shown,
)
def test_an_engagement_is_found_of_any_message_or_of_one(
    caller: Caller, find: Find, event: str, members: Json, comparison: tuple[Any, ...], expected: list[str]
) -> None:
    track(caller, engagements=ENGAGEMENTS)

    assert find(leaf("engagement", *comparison, event=event, **members)) == expected


@pytest.mark.parametrize(
    ("members", "comparison", "expected"),
    [
        ({}, ("exists",), ["a", "b"]),
        ({}, ("does_not_exist",), ["c"]),
        ({}, ("less_than_x_days_ago", 4), ["a"]),
        ({"field": "first_used"}, ("greater_than_x_days_ago", 10), ["a"]),
        ({"field": "sessions"}, ("more_than", 1), ["a"]),
        ({"field": "sessions"}, ("exactly", 0), ["c"]),
        ({"field": "sessions"}, ("less_than", 2), ["b", "c"]),
        ({"field": "name"}, ("equals", "Shop"), ["a"]),
        ({"field": "platform"}, ("equals", "iOS"), ["b"]),
        ({"field": "platform"}, ("not_equal", "iOS"), ["a", "c"]),
        ({"field": "version"}, ("matches_regex", "^2\\."), ["a"]),
        ({"app_id": "news"}, ("exists",), ["c"]),
    ],
    ids=shown,
)
def test_an_app_is_compared(
    caller: Caller, find: Find, members: Json, comparison: tuple[Any, ...], expected: list[str]
) -> None:
    a = {"external_id": "a", "app_id": "shop", "app_name": "Shop"}
    sessions = [
        {**a, "started_at": ago(days=3), "app_version": "2.1"},
        {**a, "started_at": ago(days=20)},
        {"external_id": "b", "app_id": "shop", "platform": "iOS", "started_at": ago(days=5)},
        {"external_id": "c", "app_id": "news", "started_at": ago(days=1)},
    ]
    track(caller, sessions=sessions)

    assert find(leaf("app", *comparison, **{"app_id": "shop", **members})) == expected


@pytest.mark.parametrize(
    ("members", "comparison", "expected"),
    [
        ({}, ("exists",), ["a", "b", "d"]),
        ({}, ("does_not_exist",), ["c"]),
        ({}, ("equals", "d2"), ["a"]),
        ({"field": "os"}, ("equals", "iOS 18"), ["a"]),
        ({"field": "os"}, ("not_equal", "iOS 18"), ["b", "c", "d"]),
        ({"field": "os"}, ("matches_regex", "^android"), ["a", "b"]),
        ({"field": "os"}, ("does_not_match_regex", "^android"), ["a"]),
        ({"field": "carrier"}, ("exists",), ["b"]),
        ({"field": "model"}, ("equals", "A1"), ["b"]),
        ({"field": "ad_tracking_enabled"}, ("equals", True), ["a"]),
        ({"field": "ad_tracking_enabled"}, ("equals", False), ["b"]),
        ({"field": "ad_tracking_enabled"}, ("not_equal", False), ["a", "c", "d"]),
    ],
    ids=shown,
)
def test_a_device_is_compared(
    caller: Caller, find: Find, members: Json, comparison: tuple[Any, ...], expected: list[str]
) -> None:
    phone, tablet = {"device_id": "d1", "os": "Android 9"}, {"device_id": "d2", "os": "iOS 18"}
    people = [
        {"external_id": "a", "devices": [phone, {**tablet, "ad_tracking_enabled": True}]},
        {
            "external_id": "b",
            "devices": [{**phone, "model": "A1", "carrier": "O2", "ad_tracking_enabled": False}],
        },
        {"external_id": "c"},
        {"external_id": "d", "devices": [{"device_id": "d4"}]},
    ]
    track(caller, attributes=people)

    assert find(leaf("device", *comparison, **members)) == expected


@pytest.mark.parametrize(
    ("label", "comparison", "expected"),
    [
        ("shop", ("exists",), ["a", "b"]),
        ("shop", ("does_not_exist",), ["c", "d"]),
        ("shop", ("equals", "Ann"), ["a"]),
        ("shop", ("equals", "ann"), []),
        ("shop", ("not_equal", "Ann"), ["b", "c", "d"]),
        ("shop", ("matches_regex", "^a"), ["a"]),
        ("shop", ("does_not_match_regex", "^a"), ["b"]),
        ("crm", ("equals", "Ann"), ["c"]),
    ],
    ids=shown,
)
def test_an_alias_is_compared_by_its_label(
    caller: Caller, find: Find, label: str, comparison: tuple[Any, ...], expected: list[str]
) -> None:
    track(caller, attributes=[{"external_id": key} for key in "abcd"])
    aliases = [("a", "shop", "Ann"), ("b", "shop", "Bob"), ("c", "crm", "Ann")]
    given = [{"external_id": key, "alias_label": label, "alias_name": name} for key, label, name in aliases]
    assert caller.post("/users/alias/new", {"user_aliases": given}).status_code == 201

    assert find(leaf("user_alias", *comparison, alias_label=label)) == expected


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        (("is", "subscribed"), ["in"]),
        (("is", "unsubscribed"), ["out"]),
        (("is", "unknown"), ["neither"]),
        (("is_not", "unsubscribed"), ["in", "neither"]),
        (("is_not", "unknown"), ["in", "out"]),
    ],
    ids=shown,
)
def test_a_subscription_group_is_compared(
    caller: Caller, find: Find, comparison: tuple[Any, ...], expected: list[str]
) -> None:
    states = {"in": "subscribed", "out": "unsubscribed"}
    people = [
        {"external_id": key, "subscription_groups": [{"subscription_group_id": "g", "subscription_state": state}]}
        for key, state in states.items()
    ]
    track(caller, attributes=[*people, {"external_id": "neither"}])

    assert find(leaf("subscription_group", *comparison, subscription_group_id="g")) == expected


def test_the_history_of_two_profiles_counts_for_their_survivor(caller: Caller, pool: Pool, find: Find) -> None:
    red = {"colour": "red"}
    track(
        caller,
        attributes=[{"external_id": "orphan", "devices": [{"device_id": "d1", "os": "Android"}]}],
        events=[event("orphan", red, days=1), event("survivor", red, days=2)],
        purchases=[purchase("orphan", red, days=1), purchase("survivor", red, days=2)],
        sessions=[{"external_id": key, "app_id": "shop", "started_at": ago(days=1)} for key in ("orphan", "survivor")],
        engagements=[
            engagement("orphan", "campaign", "c1", "opened"),
            engagement("survivor", "canvas", "v1", "entered"),
        ],
    )
    alias = {"external_id": "orphan", "alias_label": "shop", "alias_name": "Ann"}
    caller.post("/users/alias/new", {"user_aliases": [alias]})
    merge(caller, pool, orphan="orphan", survivor="survivor")

    twice = {"property": "colour", "days": 7, "count": 2, "count_comparison": "exactly"}
    assert find(leaf("custom_event_property", "equals", "red", name="login", **twice)) == ["survivor"]
    assert find(leaf("purchase_property", "equals", "red", **twice)) == ["survivor"]
    assert find(leaf("custom_event_summary", "exactly", 2, name="login", field="count")) == ["survivor"]
    assert find(leaf("purchase_summary", "less_than_x_days_ago", 1.5, product_id="hat", field="last")) == ["survivor"]
    assert find(leaf("app", "exactly", 2, app_id="shop", field="sessions")) == ["survivor"]
    assert find(leaf("engagement", "exists", event="opened", api_campaign_id="c1")) == ["survivor"]
    assert find(leaf("canvas", "exists", api_canvas_id="v1", field="last_entered")) == ["survivor"]
    assert find(leaf("device", "equals", "Android", field="os")) == ["survivor"]
    assert find(leaf("user_alias", "equals", "Ann", alias_label="shop")) == ["survivor"]
