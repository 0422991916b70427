"""Filters as SQL: one statement, whose text never contains a value."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from app.segments.leaves import KINDS
from app.segments.statement import BEFORE_CONDITION, BEFORE_JOINS, LEAVES, compose_statement
from schemas.segment_leaves import LEAVES as KINDS_OF_WIRE
from schemas.segments import load_segment

NOW = datetime(2026, 5, 1, tzinfo=UTC)
MARK = "a-value-of-the-client"
FILTERS: list[Any] = [
    {"external_id": {"comparison": "equals", "value": MARK}},
    {"custom_attribute": {"custom_attribute_name": MARK, "comparison": "equals", "value": MARK}},
    {"custom_attribute": {"custom_attribute_name": MARK, "comparison": "matches_regex", "value": MARK}},
    {"custom_attribute": {"custom_attribute_name": MARK, "comparison": "less_than", "value": 1}},
    {"custom_attribute": {"custom_attribute_name": MARK, "comparison": "after", "value": "2026-01-01"}},
    {"attribute": {"name": "first_name", "comparison": "equals", "value": MARK}},
    {"custom_event": {"name": MARK, "comparison": "more_than", "count": 1, "days": 2}},
    {"purchase": {"product_id": MARK, "comparison": "more_than", "count": 1, "days": 2}},
    {"money_spent": {"comparison": "more_than", "value": 1, "days": 2}},
    {"custom_event_property": {"name": MARK, "property": MARK, "comparison": "equals", "value": MARK, "days": 2}},
    {
        "purchase_property": {
            "product_id": MARK,
            "property": MARK,
            "comparison": "after",
            "value": "2026-01-01",
            "days": 2,
        }
    },
    {"custom_event_summary": {"name": MARK, "field": "count", "comparison": "exactly", "value": 1}},
    {"purchase_summary": {"product_id": MARK, "field": "last", "comparison": "exists"}},
    {"campaign": {"api_campaign_id": MARK, "field": "name", "comparison": "equals", "value": MARK}},
    {"canvas": {"api_canvas_id": MARK, "field": "converted", "comparison": "equals", "value": True}},
    {"canvas_step": {"api_canvas_id": MARK, "api_canvas_step_id": MARK, "comparison": "exists"}},
    {"engagement": {"event": "opened", "api_canvas_id": MARK, "comparison": "exists"}},
    {"app": {"app_id": MARK, "comparison": "exists"}},
    {"device": {"comparison": "matches_regex", "value": MARK}},
    {"user_alias": {"alias_label": MARK, "comparison": "exists"}},
    {"user_alias": {"alias_label": MARK, "comparison": "equals", "value": MARK}},
    {"user_alias": {"alias_label": MARK, "comparison": "matches_regex", "value": MARK}},
    {"subscription_group": {"subscription_group_id": MARK, "comparison": "is", "value": "unknown"}},
]


def composed(filter_: Any) -> tuple[str, dict[str, Any]]:
    """Return the text of the statement of *filter_*, and its values."""
    statement, values = compose_statement(load_segment({"filter": filter_}).filter, now=NOW)
    return statement.as_string(None), values


@pytest.mark.parametrize("filter_", FILTERS, ids=str)
def test_the_text_contains_no_value(filter_: Any) -> None:
    text, values = composed(filter_)

    assert MARK not in text
    assert "/*" not in text
    assert set(re.findall(r"%\((\w+)\)s", text)) == {*values, "workspace_id", "after", "limit"}


def test_leaves_of_one_kind_have_their_own_values_and_names() -> None:
    happened = FILTERS[6]
    text, values = composed({"OR": [happened, {"AND": [happened, happened]}]})

    assert re.findall(r'AS "(\w+)" ON', text) == ["leaf_1", "leaf_2", "leaf_3"]
    assert {name for name in values if name.startswith("count")} == {"count_1", "count_2", "count_3"}
    assert " leaf" not in text


def test_groups_are_joined_with_and_or_or() -> None:
    text, _ = composed({"OR": [FILTERS[0], {"AND": [FILTERS[0], FILTERS[0]]}]})
    condition = re.sub(r"\s+", " ", text.partition("AND ((")[2])

    assert condition.startswith("profile.external_id = %(value_1)s) OR ((profile.external_id = %(value_2)s) AND (")


def test_not_equal_matches_an_unknown_value() -> None:
    text, _ = composed({"external_id": {"comparison": "not_equal", "value": MARK}})

    assert "((profile.external_id = %(value_1)s) IS NOT TRUE)" in text


def test_every_kind_of_leaf_in_the_api_has_a_query() -> None:
    assert KINDS.keys() == KINDS_OF_WIRE.keys()


@pytest.mark.parametrize("name", LEAVES)
def test_a_query_of_a_leaf_has_one_mark_for_joins_and_one_for_conditions(name: str) -> None:
    text = LEAVES[name]

    assert text.count(BEFORE_JOINS) == 1
    assert text.count(BEFORE_CONDITION) == 1
