"""Leaves about activity, messages, apps, devices, aliases and groups: loading, and the messages of errors."""

from random import Random
from typing import Any

import pytest
from marshmallow import ValidationError

from fuzz.names import Names
from fuzz.segments import all_leaves
from schemas.segment_leaves import LEAVES
from schemas.segments import load_segment

PROPERTY = {"name": "login", "property": "it", "comparison": "equals", "value": 1, "days": 7}
CAMPAIGN = {"api_campaign_id": "c"}


def fault(kind: str, **members: Any) -> str:
    """Return the error message for a leaf, without its place."""
    with pytest.raises(ValidationError) as refused:
        load_segment({"filter": {kind: members}})
    (sentence,) = refused.value.messages
    return str(sentence).removeprefix(f"'filter.{kind}.")


@pytest.mark.parametrize(
    ("kind", "members", "expected"),
    [
        ("custom_event_property", {**PROPERTY, "days": 31}, "days' must be a whole number from 1 to 30"),
        ("custom_event_property", {**PROPERTY, "count": 1}, "count_comparison' is required beside 'count'"),
        (
            "custom_event_property",
            {**PROPERTY, "count_comparison": "exactly"},
            "count' is required beside 'count_comparison'",
        ),
        (
            "custom_event_property",
            {**PROPERTY, "count": 51, "count_comparison": "exactly"},
            "count' must be a whole number from 0 to 50",
        ),
        (
            "custom_event_property",
            {**PROPERTY, "count": 1, "count_comparison": "equals"},
            "count_comparison' must be one of more_than, less_than and exactly",
        ),
        ("custom_event_property", {**PROPERTY, "property": ""}, "property' may not be empty"),
        (
            "custom_event_property",
            {**PROPERTY, "value": {"a": 1}},
            "value' must be a string, a number, true or false",
        ),
        ("purchase_property", PROPERTY, "name' is no key of this filter"),
        (
            "custom_event_summary",
            {"name": "login", "field": "middle", "comparison": "exists"},
            "field' must be one of count, first and last",
        ),
        (
            "custom_event_summary",
            {"name": "login", "field": "count", "comparison": "exists"},
            "comparison' must be one of more_than, less_than and exactly",
        ),
        (
            "purchase_summary",
            {"product_id": "hat", "field": "count", "comparison": "exactly", "value": 1.5},
            "value' must be a whole number from 0 to 1000000000000000",
        ),
        ("purchase_summary", {"field": "last", "comparison": "exists"}, "product_id' is required"),
        (
            "campaign",
            {**CAMPAIGN, "field": "converted", "comparison": "equals", "value": 1},
            "value' must be true or false",
        ),
        ("campaign", {**CAMPAIGN, "field": None, "comparison": "exists"}, "field' may not be null"),
        ("engagement", {"event": "Opened!", "comparison": "exists"}, "event' must be a word such as"),
        (
            "engagement",
            {"event": "opened", **CAMPAIGN, "comparison": "after", "value": "2026-01-01"},
            "comparison' must be one of exists and does_not_exist",
        ),
        (
            "engagement",
            {"event": "opened", **CAMPAIGN, "api_canvas_id": "v", "comparison": "exists"},
            "api_canvas_id' may not be beside 'api_campaign_id'",
        ),
        ("device", {"field": "colour", "comparison": "exists"}, "field' must be one of device_id, model, os, carrier"),
        ("user_alias", {"comparison": "exists"}, "alias_label' is required"),
        (
            "user_alias",
            {"alias_label": "l", "comparison": "equals", "value": "ö" * 200},
            "value' may not be longer than 236",
        ),
        (
            "subscription_group",
            {"subscription_group_id": "g", "comparison": "is", "value": "opted_in"},
            "value' must be one of subscribed, unsubscribed and unknown",
        ),
    ],
)
def test_a_wrong_leaf_is_refused_with_a_sentence(kind: str, members: dict[str, Any], expected: str) -> None:
    assert fault(kind, **members).startswith(expected)


def test_at_most_ten_leaves_look_back() -> None:
    leaves = [{"custom_event_property": PROPERTY}] * 11

    with pytest.raises(ValidationError, match="may not hold more than 10 filters that look back some days"):
        load_segment({"filter": {"OR": leaves}})


@pytest.mark.parametrize(
    ("kind", "field"),
    [("campaign", "last_received"), ("canvas", "last_received_message"), ("app", "last_used"), ("device", "device_id")],
)
def test_a_leaf_without_a_field_asks_whether_there_is_one(kind: str, field: str) -> None:
    keys = {"campaign": "api_campaign_id", "canvas": "api_canvas_id", "app": "app_id"}
    members = {keys[kind]: "x"} if kind in keys else {}

    loaded: Any = load_segment({"filter": {kind: {**members, "comparison": "exists"}}}).filter
    assert loaded.given["field"] == field


def test_the_fuzzer_sends_every_leaf() -> None:
    leaves = all_leaves(Names(rng=Random(1), spell=0))

    assert {kind for leaf in leaves for kind in leaf} == LEAVES.keys()
    for leaf in leaves:
        load_segment({"filter": leaf})
