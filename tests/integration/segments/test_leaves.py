"""Each leaf of a filter, tested by the profiles that it finds among a few that differ only in its attribute."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.db.connections import Pool
from tests.support.filters import Find
from tests.support.flask_caller import Caller
from tests.support.postgres import make_database_url
from tests.support.profiles import Json, merge, track

database_url = make_database_url(scope="module")


def ago(**span: float) -> str:
    """Return the current time minus *span* in ISO 8601."""
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


def custom(comparison: str, *value: Any, name: str = "it") -> Json:
    return {"custom_attribute": leaf(comparison, *value, custom_attribute_name=name)}


def default(name: str, comparison: str, *value: Any) -> Json:
    return {"attribute": leaf(comparison, *value, name=name)}


def leaf(comparison: str, *value: Any, **more: Any) -> Json:
    return {**more, "comparison": comparison, **({"value": value[0]} if value else {})}


def id_of(value: Any) -> str:
    """Return the id of a test with *value*. The order of a set is the same in every process."""
    return str(sorted(value)) if isinstance(value, set) else str(value)


def with_it(values: Json) -> list[Json]:
    """Return attributes objects with the custom attribute `it` from *values* by external_id, and "unset" without it."""
    return [{"external_id": key, "it": value} for key, value in values.items()] + [{"external_id": "unset"}]


TEXTS = {"pro": "pro", "Pro": "Pro", "free": "free", "blank": "", "number": 5, "list": ["pro"]}
NUMBERS = {"minus": -1, "zero": 0, "half": 0.5, "one": 1, "text": "1", "truth": True}
TRUTHS = {"yes": True, "no": False, "text": "true", "one": 1}
LISTS = {"ab": ["a", "b"], "b": ["b"], "empty": [], "text": "a", "numbers": [1, 2]}


@pytest.mark.parametrize(
    ("values", "comparison", "expected"),
    [
        (TEXTS, ("equals", "pro"), {"pro"}),
        (TEXTS, ("not_equal", "pro"), {"Pro", "free", "blank", "number", "list", "unset"}),
        (TEXTS, ("does_not_equal", "pro"), {"Pro", "free", "blank", "number", "list", "unset"}),
        (TEXTS, ("matches_regex", "^PR"), {"pro", "Pro"}),
        (TEXTS, ("does_not_match_regex", "^pr"), {"free", "blank"}),
        (TEXTS, ("exists",), {"pro", "Pro", "free", "number", "list"}),
        (TEXTS, ("does_not_exist",), {"blank", "unset"}),
        (NUMBERS, ("equals", 1), {"one"}),
        (NUMBERS, ("equals", 1.0), {"one"}),
        (NUMBERS, ("equals", 0), {"zero", "unset"}),
        (NUMBERS, ("not_equal", 0), {"minus", "half", "one", "text", "truth"}),
        (NUMBERS, ("not_equal", 1), {"minus", "zero", "half", "text", "truth", "unset"}),
        (NUMBERS, ("greater_than", 0), {"half", "one"}),
        (NUMBERS, ("greater_than_or_equal_to", 0), {"zero", "half", "one"}),
        (NUMBERS, ("less_than", 0.5), {"minus", "zero", "unset"}),
        (NUMBERS, ("less_than_or_equal_to", 0.5), {"minus", "zero", "half", "unset"}),
        (TRUTHS, ("equals", True), {"yes"}),
        (TRUTHS, ("equals", False), {"no"}),
        (TRUTHS, ("does_not_equal", True), {"no", "text", "one", "unset"}),
        (TRUTHS, ("does_not_exist",), {"unset"}),
        (LISTS, ("includes_value", "a"), {"ab"}),
        (LISTS, ("includes_value", 2), {"numbers"}),
        (LISTS, ("does_not_include_value", "a"), {"b", "empty", "text", "numbers", "unset"}),
        (LISTS, ("exists",), {"ab", "b", "text", "numbers"}),
        (LISTS, ("does_not_exist",), {"empty", "unset"}),
    ],
    ids=id_of,
)
def test_a_custom_attribute_is_compared(
    caller: Caller, find: Find, values: Json, comparison: tuple[Any, ...], expected: set[str]
) -> None:
    track(caller, attributes=with_it(values))

    assert find(custom(*comparison)) == sorted(expected)


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        (("less_than_x_days_ago", 3), {"yesterday", "day"}),
        (("greater_than_x_days_ago", 3), {"last month"}),
        (("less_than_x_days_in_the_future", 3), {"tomorrow"}),
        (("greater_than_x_days_in_the_future", 3), {"next month"}),
        (("after", ago(days=2)), {"yesterday", "day", "tomorrow", "next month"}),
        (("before", ago(days=2)), {"last month"}),
        (("exists",), {"yesterday", "day", "last month", "tomorrow", "next month", "word", "wrong", "number", "now"}),
        (("does_not_exist",), {"unset"}),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_custom_attribute_that_writes_a_moment_is_compared(
    caller: Caller, find: Find, comparison: tuple[Any, ...], expected: set[str]
) -> None:
    values = {
        "yesterday": ago(days=1),
        "day": ago(days=1)[:10],
        "last month": ago(days=30)[:19],
        "tomorrow": ago(days=-1).replace("T", " "),
        "next month": ago(days=-30)[:19] + "Z",
        "word": "yesterday",
        "wrong": "2026-02-31",
        "number": 20260101,
        "now": "now",
    }
    track(caller, attributes=with_it(values))

    assert find(custom(*comparison)) == sorted(expected)


def test_names_and_values_are_never_read_as_sql(caller: Caller, find: Find) -> None:
    odd = 'it\'s; {curly} %s %(name)s \\ "quoted" -- leaf'
    track(caller, attributes=[{"external_id": "odd", odd: odd}, {"external_id": "plain"}])

    assert find(custom("equals", odd, name=odd)) == ["odd"]
    assert find(custom("exists", name=odd)) == ["odd"]
    assert find(custom("matches_regex", "curly", name=odd)) == ["odd"]


PERSON = {
    "external_id": "ada",
    "first_name": "Ada",
    "gender": "F",
    "country": "GB",
    "email": "Ada@Example.com",
    "phone": "+44 20 7946 0958",
    "dob": "1990-12-10",
    "test_user": True,
    "email_subscribe": "unsubscribed",
    "push_subscribe": "opted_in",
}


@pytest.mark.parametrize(
    ("filter_", "is_found"),
    [
        (default("first_name", "equals", "Ada"), True),
        (default("first_name", "equals", "ada"), False),
        (default("first_name", "not_equal", "Ada"), False),
        (default("first_name", "matches_regex", "^a.a$"), True),
        (default("first_name", "does_not_match_regex", "^a.a$"), False),
        (default("last_name", "does_not_match_regex", "x"), False),
        (default("last_name", "not_equal", "Lovelace"), True),
        (default("last_name", "exists"), False),
        (default("last_name", "does_not_exist"), True),
        (default("gender", "equals", "F"), True),
        (default("country", "equals", "GB"), True),
        (default("home_city", "exists"), False),
        (default("language", "does_not_exist"), True),
        (default("time_zone", "exists"), False),
        (default("email", "equals", " ada@EXAMPLE.com"), True),
        (default("email", "matches_regex", "@example\\.com$"), True),
        (default("phone", "equals", "+442079460958"), True),
        (default("phone", "not_equal", "+442079460958"), False),
        (default("dob", "before", "1991-01-01"), True),
        (default("dob", "after", "1991-01-01"), False),
        (default("dob", "greater_than_x_days_ago", 10000), True),
        (default("created_at", "less_than_x_days_ago", 1), True),
        (default("last_purchase", "exists"), False),
        (default("last_purchase", "does_not_exist"), True),
        (default("first_session", "exists"), False),
        (default("random_bucket", "less_than", 10_000), True),
        (default("session_count", "equals", 0), True),
        (default("session_count", "not_equal", 0), False),
        (default("purchase_count", "greater_than", 0), False),
        (default("total_revenue", "greater_than_or_equal_to", 0), True),
        (default("total_revenue", "less_than_or_equal_to", -0.01), False),
        ({"attribute": {"name": "test_user", "comparison": "equals", "value": True}}, True),
        ({"attribute": {"name": "test_user", "comparison": "does_not_equal", "value": True}}, False),
        ({"external_id": leaf("exists")}, True),
        ({"external_id": leaf("does_not_exist")}, False),
        ({"external_id": leaf("equals", "ada")}, True),
        ({"external_id": leaf("equals", "Ada")}, False),
        ({"external_id": leaf("not_equal", "ada")}, False),
        ({"email_subscription_status": leaf("is", "unsubscribed")}, True),
        ({"email_subscription_status": leaf("is_not", "unsubscribed")}, False),
        ({"push_subscription_status": leaf("is", "opted_in")}, True),
        ({"push_subscription_status": leaf("is", "subscribed")}, False),
        ({"last_used_app": leaf("after", "2020-01-01")}, False),
        ({"money_spent": leaf("exactly", 0)}, True),
        ({"money_spent": leaf("more_than", 0)}, False),
    ],
    ids=id_of,
)
def test_each_standard_attribute_is_compared(caller: Caller, find: Find, filter_: Json, is_found: bool) -> None:
    track(caller, attributes=[PERSON])

    assert find(filter_) == (["ada"] if is_found else [])


def test_a_subscription_that_was_never_set_is_subscribed(caller: Caller, find: Find) -> None:
    track(caller, attributes=[{"external_id": "a"}])

    assert find({"email_subscription_status": leaf("is", "subscribed")}) == ["a"]
    assert find({"push_subscription_status": leaf("is_not", "opted_in")}) == ["a"]


def test_the_last_session_is_the_last_use_of_an_app(caller: Caller, find: Find) -> None:
    sessions = [{"external_id": "a", "app_id": "x", "started_at": ago(days=3)}]
    track(caller, attributes=[{"external_id": "b"}], sessions=sessions)

    assert find({"last_used_app": leaf("after", ago(days=4))}) == ["a"]
    assert find({"last_used_app": leaf("before", ago(days=2))}) == ["a"]
    assert find({"last_used_app": leaf("before", ago(days=4))}) == []


def event(external_id: str, **span: float) -> Json:
    return {"external_id": external_id, "name": "login", "time": ago(**span)}


def purchase(external_id: str, price: float, product_id: str = "hat", **span: float) -> Json:
    time = ago(**span)
    return {"external_id": external_id, "product_id": product_id, "currency": "USD", "price": price, "time": time}


@pytest.mark.parametrize(
    ("comparison", "count", "days", "expected"),
    [
        ("more_than", 0, 7, ["once", "twice"]),
        ("more_than", 1, 7, ["twice"]),
        ("more_than", 1, 30, ["long ago", "twice"]),
        ("exactly", 0, 7, ["long ago", "never"]),
        ("exactly", 1, 7, ["once"]),
        ("less_than", 1, 7, ["long ago", "never"]),
        ("less_than", 2, 7, ["long ago", "never", "once"]),
        ("less_than", 0, 7, []),
    ],
)
def test_custom_events_are_counted_within_days(
    caller: Caller, find: Find, comparison: str, count: int, days: int, expected: list[str]
) -> None:
    events = [
        event("once", days=1),
        event("twice", days=1),
        event("twice", days=6.9),
        event("long ago", days=8),
        event("long ago", days=29),
        event("long ago", days=31),
    ]
    track(caller, attributes=[{"external_id": "never"}], events=events)

    asked = {"name": "login", "comparison": comparison, "count": count, "days": days}
    assert find({"custom_event": asked}) == expected
    other = {"custom_event": {**asked, "name": "search", "comparison": "exactly", "count": 0}}
    assert find(other) == ["long ago", "never", "once", "twice"]


def test_purchases_are_counted_of_one_product_or_of_all(caller: Caller, find: Find) -> None:
    purchases = [purchase("a", 10, days=1), purchase("a", 5, "coat", days=2), purchase("b", 1, "coat", days=10)]
    track(caller, attributes=[{"external_id": "c"}], purchases=purchases)

    assert find({"purchase": {"comparison": "more_than", "count": 1, "days": 7}}) == ["a"]
    assert find({"purchase": {"product_id": "coat", "comparison": "exactly", "count": 1, "days": 30}}) == ["a", "b"]
    assert find({"purchase": {"product_id": "hat", "comparison": "less_than", "count": 1, "days": 30}}) == ["b", "c"]


def test_money_is_summed_within_days_or_without_a_limit(caller: Caller, find: Find) -> None:
    purchases = [purchase("a", 10.10, days=1), purchase("a", -0.20, days=2), purchase("b", 100, days=20)]
    track(caller, attributes=[{"external_id": "c"}], purchases=purchases)

    assert find({"money_spent": leaf("exactly", 9.9, days=7)}) == ["a"]
    assert find({"money_spent": leaf("less_than", 5, days=7)}) == ["b", "c"]
    assert find({"money_spent": leaf("more_than", 9.89)}) == ["a", "b"]
    assert find({"money_spent": leaf("exactly", 100)}) == ["b"]
    assert find({"money_spent": leaf("less_than", 9.9)}) == ["c"]


def test_the_events_of_a_merged_profile_count_for_its_survivor(caller: Caller, pool: Pool, find: Find) -> None:
    events = [event("orphan", days=1), event("survivor", days=2)]
    purchases = [purchase("orphan", 30, days=1), purchase("survivor", 12, days=2)]
    track(caller, events=events, purchases=purchases)
    merge(caller, pool, orphan="orphan", survivor="survivor")

    assert find({"custom_event": {"name": "login", "comparison": "exactly", "count": 2, "days": 7}}) == ["survivor"]
    assert find({"purchase": {"comparison": "exactly", "count": 2, "days": 7}}) == ["survivor"]
    assert find({"money_spent": leaf("exactly", 42, days=7)}) == ["survivor"]


def test_groups_can_be_nested_and_leaves_of_one_kind_do_not_interfere(caller: Caller, find: Find) -> None:
    people = [{"external_id": f"{plan}-{score}", "plan": plan, "score": score} for plan in "ab" for score in (1, 2, 3)]
    track(caller, attributes=people, events=[event("a-1", days=1), event("b-2", days=1), event("b-2", days=2)])
    seldom = {"custom_event": {"name": "login", "comparison": "less_than", "count": 2, "days": 7}}
    often = {"custom_event": {"name": "login", "comparison": "more_than", "count": 1, "days": 7}}

    assert find({"AND": [custom("equals", "a", name="plan"), custom("greater_than", 1, name="score")]}) == [
        "a-2",
        "a-3",
    ]
    assert find({"OR": [custom("equals", 3, name="score"), often]}) == ["a-3", "b-2", "b-3"]
    assert find({"AND": [seldom, {"OR": [custom("equals", 2, name="score"), custom("equals", 1, name="score")]}]}) == [
        "a-1",
        "a-2",
        "b-1",
    ]
    assert find({"AND": [{"OR": [{"AND": [often]}]}]}) == ["b-2"]
