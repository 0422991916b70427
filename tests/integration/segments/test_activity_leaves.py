"""The leaves about properties of the last days and about lifetime summaries, by the profiles that they find."""

from typing import Any

import pytest

from tests.support.filters import Find, ago, event, leaf, purchase, shown
from tests.support.flask_caller import Caller
from tests.support.postgres import make_database_url
from tests.support.profiles import Json, track

database_url = make_database_url(scope="module")


PROPERTIES: dict[str, Any] = {
    "red": "red",
    "Red": "Red",
    "blank": "",
    "zero": 0,
    "half": 0.5,
    "one": 1,
    "yes": True,
    "list": ["red", 1],
    "empty": [],
    "then": "2026-01-05T10:00:00Z",
    "wrong": "2026-02-31",
}


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        (("equals", "red"), {"red"}),
        (("equals", 1), {"one"}),
        (("equals", 1.0), {"one"}),
        (("equals", 0), {"zero"}),
        (("equals", True), {"yes"}),
        (("not_equal", "red"), {*PROPERTIES, "without", "other"} - {"red"}),
        (("does_not_equal", 0), {*PROPERTIES, "without", "other"} - {"zero"}),
        (("matches_regex", "^RE"), {"red", "Red"}),
        (("does_not_match_regex", "^re"), {"blank", "then", "wrong"}),
        (("includes_value", "red"), {"list"}),
        (("includes_value", 1), {"list"}),
        (("does_not_include_value", 1), {*PROPERTIES, "without", "other"} - {"list"}),
        (("greater_than", 0), {"half", "one"}),
        (("greater_than_or_equal_to", 0), {"zero", "half", "one"}),
        (("less_than", 0.5), {"zero"}),
        (("less_than_or_equal_to", 0.5), {"zero", "half"}),
        (("after", "2026-01-01"), {"then"}),
        (("before", "2026-01-05T10:00:00Z"), set()),
        (("greater_than_x_days_ago", 1), {"then"}),
        (("exists",), {*PROPERTIES} - {"blank", "empty"}),
        (("does_not_exist",), {"blank", "empty", "without", "other"}),
    ],
    ids=lambda value: str(value) if isinstance(value, tuple) else "",
)
def test_a_property_of_events_and_of_purchases_is_compared(
    caller: Caller, find: Find, comparison: tuple[Any, ...], expected: set[str]
) -> None:
    by_key: dict[str, Json | None] = {key: {"it": value} for key, value in PROPERTIES.items()}
    by_key |= {"without": None, "other": {"that": "red"}}
    # The last two have no event with the name within the days.
    no_match = [event("long ago", {"it": "red"}, days=9), event("elsewhere", {"it": "red"}, "logout", days=1)]
    track(caller, events=[event(key, each, days=1) for key, each in by_key.items()] + no_match)
    track(caller, purchases=[purchase(key, each, days=1) for key, each in by_key.items()])

    of_event = leaf("custom_event_property", *comparison, name="login", property="it", days=7)
    of_product = leaf("purchase_property", *comparison, product_id="hat", property="it", days=7)
    assert find(of_event) == find(of_product) == sorted(expected)
    assert find(leaf("purchase_property", *comparison, property="it", days=7)) == sorted(expected)
    assert find(leaf("purchase_property", *comparison, product_id="mug", property="it", days=7)) == []


@pytest.mark.parametrize(
    ("comparison", "count", "expected"),
    [
        ("more_than", 1, ["twice"]),
        ("exactly", 1, ["once"]),
        ("exactly", 0, ["blue", "never"]),
        ("less_than", 2, ["blue", "never", "once"]),
    ],
)
def test_events_with_a_property_are_counted_within_days(
    caller: Caller, find: Find, comparison: str, count: int, expected: list[str]
) -> None:
    red, blue = {"colour": "red"}, {"colour": "blue"}
    events = [event("once", red, days=1), event("once", red, days=8), event("blue", blue, days=1)]
    events += [event("twice", red, days=1), event("twice", red, days=6.9)]
    track(caller, attributes=[{"external_id": "never"}], events=events)

    asked = leaf("custom_event_property", "equals", "red", name="login", property="colour", days=7)
    asked["custom_event_property"] |= {"count": count, "count_comparison": comparison}
    assert find(asked) == expected


def test_a_quantity_counts_as_this_number_of_purchases(caller: Caller, find: Find) -> None:
    track(caller, purchases=[{**purchase("a", {"size": 7}, days=1), "quantity": 3}])
    asked = leaf("purchase_property", "greater_than", 6, property="size", days=7)
    asked["purchase_property"] |= {"count": 3, "count_comparison": "exactly"}

    assert find(asked) == ["a"]


@pytest.mark.parametrize(
    ("field", "comparison", "expected"),
    [
        ("count", ("more_than", 1), ["often"]),
        ("count", ("exactly", 1), ["lately"]),
        ("count", ("exactly", 0), ["never"]),
        ("count", ("less_than", 2), ["lately", "never"]),
        ("first", ("less_than_x_days_ago", 30), ["lately"]),
        ("first", ("greater_than_x_days_ago", 30), ["often"]),
        ("first", ("before", ago(days=50)), ["often"]),
        ("first", ("after", ago(days=50)), ["lately"]),
        ("last", ("less_than_x_days_ago", 3), ["lately"]),
        ("last", ("less_than_x_days_ago", 5.5), ["lately", "often"]),
        ("last", ("greater_than_x_days_ago", 3), ["often"]),
        ("last", ("before", ago(days=3)), ["often"]),
        ("last", ("after", ago(days=3)), ["lately"]),
        ("last", ("exists",), ["lately", "often"]),
        ("last", ("does_not_exist",), ["never"]),
    ],
    ids=shown,
)
def test_the_summary_of_an_event_and_of_a_product_is_compared(
    caller: Caller, find: Find, field: str, comparison: tuple[Any, ...], expected: list[str]
) -> None:
    times = [("lately", 2), ("often", 400), ("often", 5)]
    track(caller, attributes=[{"external_id": "never"}], events=[event(key, days=days) for key, days in times])
    track(caller, purchases=[purchase(key, days=days) for key, days in times])

    assert find(leaf("custom_event_summary", *comparison, name="login", field=field)) == expected
    assert find(leaf("purchase_summary", *comparison, product_id="hat", field=field)) == expected


def test_names_and_values_of_these_leaves_are_never_read_as_sql(caller: Caller, find: Find) -> None:
    odd = 'it\'s; {curly} %s %(name)s \\ "quoted" -- leaf written'
    track(caller, events=[event("odd", {odd: odd}, odd, days=1), event("plain", days=1)])

    assert find(leaf("custom_event_property", "equals", odd, name=odd, property=odd, days=7)) == ["odd"]
    assert find(leaf("custom_event_property", "matches_regex", "curly", name=odd, property=odd, days=7)) == ["odd"]
    assert find(leaf("custom_event_summary", "exactly", 1, name=odd, field="count")) == ["odd"]


def test_leaves_of_one_kind_do_not_interfere(caller: Caller, find: Find) -> None:
    events = [event("a", {"n": 1}, days=1), event("b", {"n": 2}, days=1)]
    track(caller, events=events)
    one, two = (leaf("custom_event_property", "equals", n, name="login", property="n", days=7) for n in (1, 2))

    assert find({"OR": [one, two]}) == ["a", "b"]
    assert find({"AND": [one, two]}) == []
