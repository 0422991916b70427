"""Filters: loading a body, and every kind of leaf."""

from typing import Any

import pytest
from marshmallow import ValidationError

from schemas.paging import MAX_ID, ProfileCursor
from schemas.segment_comparisons import Leaf
from schemas.segment_leaves import COSTLY, LEAVES
from schemas.segments import Every, Some, leaves_of, load_segment

BLANK = {"external_id": {"comparison": "does_not_exist"}}
LEAD = {"custom_attribute": {"custom_attribute_name": "is_lead_profile", "comparison": "equals", "value": True}}
BLANK_LEAF = Leaf(kind="external_id", comparison="does_not_exist", given={})
LEAD_LEAF = Leaf(
    kind="custom_attribute",
    comparison="equals",
    given={"custom_attribute_name": "is_lead_profile", "value": True},
)


def read(filter_: Any) -> Any:
    return load_segment({"filter": filter_}).filter


def test_a_filter_may_be_a_single_leaf() -> None:
    assert read(LEAD) == LEAD_LEAF


def test_groups_keep_their_order() -> None:
    assert read({"OR": [LEAD, {"AND": [BLANK, LEAD]}]}) == Some([LEAD_LEAF, Every([BLANK_LEAF, LEAD_LEAF])])


def test_leaves_have_their_places() -> None:
    found = dict(leaves_of(read({"OR": [LEAD, {"AND": [BLANK]}]})))

    assert found == {"filter.OR.0.custom_attribute": LEAD_LEAF, "filter.OR.1.AND.0.external_id": BLANK_LEAF}


def test_a_value_is_ignored_beside_a_comparison_without_one() -> None:
    assert read({"external_id": {"comparison": "does_not_exist", "value": "x"}}) == BLANK_LEAF


def test_the_first_page_holds_fifty_profiles_with_all_their_fields() -> None:
    request = load_segment({"filter": BLANK})

    assert (request.limit, request.after, request.fields) == (50, 0, None)


@pytest.mark.parametrize("profile_id", [0, 1, 255, 2**40, MAX_ID])
def test_a_cursor_keeps_its_value(profile_id: int) -> None:
    cursor = ProfileCursor().serialize("cursor", {"cursor": profile_id})

    assert load_segment({"filter": BLANK, "cursor": cursor}).after == profile_id


def test_there_is_no_cursor_after_the_last_page() -> None:
    assert ProfileCursor().serialize("cursor", {"cursor": None}) is None


@pytest.mark.parametrize("kind", LEAVES)
def test_an_empty_leaf_is_refused_by_its_comparison(kind: str) -> None:
    with pytest.raises(ValidationError, match=rf"^\['filter\.{kind}\.\w+' is required'\]$|is required"):
        read({kind: {}})


def test_costly_kinds_are_leaves() -> None:
    assert LEAVES.keys() >= COSTLY


@pytest.mark.parametrize("kind", ["custom_event", "purchase"])
def test_a_count_takes_no_value_beside_it(kind: str) -> None:
    given = {"comparison": "more_than", "count": 1, "days": 3, "value": 7} | ({"name": "x"} if kind[0] == "c" else {})

    with pytest.raises(ValidationError) as refused:
        read({kind: given})

    assert f"'filter.{kind}.value' is no key of this filter" in str(refused.value)
