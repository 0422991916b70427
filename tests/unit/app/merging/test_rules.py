"""The single merge rules, and the table that assigns a rule to every field."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from app.merging import rules
from app.merging.profile import EmailAddress, Profile
from app.merging.rules import IDENTITY, MERGE_RULES, rule_at
from tests.support.factories import an_email

EMPTY_VALUES = ["", 0, False, [], {}]
OPEN = an_email("a@x.org")
HIDDEN = an_email("0x8f3a", encrypted=True)


def test_every_field_has_one_rule_or_is_an_identity_field() -> None:
    fields = {field.name for field in dataclasses.fields(Profile)}

    assert fields == MERGE_RULES.keys() | IDENTITY
    assert not MERGE_RULES.keys() & IDENTITY


def test_the_table_of_rules_is_immutable() -> None:
    with pytest.raises(TypeError):
        MERGE_RULES["first_name"] = rules.ADD  # type: ignore[index]


@pytest.mark.parametrize(
    ("ours", "theirs", "result"),
    [("Ann", "Bea", "Ann"), (None, "Bea", "Bea"), ("Ann", None, "Ann"), (None, None, None)],
)
def test_fill_takes_the_orphans_value_if_the_survivor_has_none(ours: Any, theirs: Any, result: Any) -> None:
    assert rules.fill(ours, theirs) == result


@pytest.mark.parametrize("value", EMPTY_VALUES, ids=repr)
def test_fill_keeps_an_empty_value_of_the_survivor(value: Any) -> None:
    assert rules.fill(value, "theirs") is value


@pytest.mark.parametrize("value", EMPTY_VALUES, ids=repr)
def test_fill_takes_an_empty_value_of_the_orphan(value: Any) -> None:
    assert rules.fill(None, value) is value


def test_fill_depends_on_the_order_of_merges() -> None:
    first_bea = rules.fill(rules.fill(None, "Bea"), "Cid")
    first_cid = rules.fill(rules.fill(None, "Cid"), "Bea")

    assert (first_bea, first_cid) == ("Bea", "Cid")


@pytest.mark.parametrize(
    ("ours", "theirs", "result"),
    [
        (None, OPEN, OPEN),
        (None, HIDDEN, None),
        (OPEN, HIDDEN, OPEN),
        (HIDDEN, OPEN, HIDDEN),
        (OPEN, None, OPEN),
        (None, None, None),
    ],
)
def test_an_encrypted_address_is_never_filled_in(
    ours: EmailAddress | None, theirs: EmailAddress | None, result: EmailAddress | None
) -> None:
    assert rules.fill_unless_encrypted(ours, theirs) == result


@pytest.mark.parametrize(
    ("ours", "theirs", "result"), [(2, 3, 5), (None, 3, 3), (2, None, 2), (None, None, 0), (0, 0, 0), (5, -2, 3)]
)
def test_add_sums_both(ours: int | None, theirs: int | None, result: int) -> None:
    assert rules.add(ours, theirs) == result


@pytest.mark.parametrize(
    ("ours", "theirs", "earlier", "later"),
    [("1", "2", "1", "2"), ("2", "1", "1", "2"), (None, "2", "2", "2"), ("1", None, "1", "1"), (None,) * 4],
)
def test_earliest_and_latest_take_the_extreme_or_the_only_value(
    ours: str | None, theirs: str | None, earlier: str | None, later: str | None
) -> None:
    assert rules.earliest(ours, theirs) == earlier
    assert rules.latest(ours, theirs) == later


@pytest.mark.parametrize(
    ("ours", "theirs", "result"),
    [(True, False, True), (False, True, True), (False, False, False), (None, True, True), (None, None, False)],
)
def test_either_is_true_if_one_side_is_true(ours: bool | None, theirs: bool | None, result: bool) -> None:
    assert rules.any_true(ours, theirs) is result


@pytest.mark.parametrize(
    ("ours", "theirs", "result"),
    [
        ({"plan": "gold"}, {"plan": "free", "city": "Ulm"}, {"plan": "gold", "city": "Ulm"}),
        ({"plan": ""}, {"plan": "free"}, {"plan": ""}),
        ({"home": {"zip": 1}}, {"home": {"zip": 2, "city": "Ulm"}}, {"home": {"zip": 1}}),
        ({"tags": ["a"]}, {"tags": ["b"]}, {"tags": ["a"]}),
        (None, {"plan": "free"}, {"plan": "free"}),
        ({"plan": "gold"}, None, {"plan": "gold"}),
        (None, None, {}),
    ],
)
def test_fill_keys_takes_whole_values_of_keys_that_only_the_orphan_has(ours: Any, theirs: Any, result: Any) -> None:
    assert rules.fill_keys(ours, theirs) == result


def test_a_summary_of_one_side_is_copied_and_summaries_of_both_are_combined() -> None:
    ours = {"login": {"count": 2, "first": "2", "last": "5"}, "logout": {"count": 1, "first": "3", "last": "3"}}
    theirs = {"login": {"count": 3, "first": "1", "last": "4"}, "buy": {"count": 7, "first": "1", "last": "9"}}

    assert rules.SUMMARY.combine(ours, theirs) == {
        "login": {"count": 5, "first": "1", "last": "5"},
        "logout": {"count": 1, "first": "3", "last": "3"},
        "buy": {"count": 7, "first": "1", "last": "9"},
    }


@pytest.mark.parametrize(("ours", "theirs"), [(None, None), ({}, None), (None, {})])
def test_a_summary_of_nothing_is_empty(ours: Any, theirs: Any) -> None:
    assert rules.SUMMARY.combine(ours, theirs) == {}
    assert rules.entry_by_entry(count=rules.ADD).combine(ours, theirs) == {}


def test_a_part_without_its_own_rule_is_filled() -> None:
    entry = rules.entry_by_entry(sessions=rules.ADD)

    assert entry.combine({"sessions": 1, "version": "1"}, {"sessions": 2, "version": "2", "name": "ABC"}) == {
        "sessions": 3,
        "version": "1",
        "name": "ABC",
    }


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (("first_name",), "fill"),
        (("email",), "fill_unless_encrypted"),
        (("session_count",), "add"),
        (("test_user",), "either"),
        (("custom_attributes", "plan"), "fill_keys"),
        (("devices", "d1"), "unite"),
        (("custom_events", "login", "count"), "add"),
        (("custom_events", "count", "first"), "earliest"),
        (("purchases", "*", "last"), "latest"),
        (("apps", "ABC", "sessions"), "add"),
        (("apps", "ABC", "name"), "fill"),
        (("campaigns_received", "c", "engaged", "opened_email"), "either"),
        (("canvases_received", "c", "steps_received", "s", "last_received"), "latest"),
        (("canvases_received", "c", "steps_received", "s", "name"), "fill"),
        (("last_interactions", "last_opened_at"), "latest"),
    ],
)
def test_rule_at_returns_the_rule_of_any_part(path: tuple[str, ...], name: str) -> None:
    assert rule_at(*path).name == name


@pytest.mark.parametrize("rule", [rules.fill, rules.add, rules.earliest, rules.latest, rules.fill_keys])
def test_the_name_of_a_rule_is_the_name_of_its_function(rule: Callable[..., Any]) -> None:
    assert rule.__name__ in {each.name for each in MERGE_RULES.values()} | {
        part.name for part in rules.SUMMARY.entries["*"].entries.values()
    }
