"""Fingerprints: equal for a value in memory and the value from PostgreSQL, and different for different values."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from app.merging.profile import Profile
from app.profiles.fingerprint import changed_fields, digest_fields

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
ADA = Profile(workspace_id=1, id=7, braze_id="a" * 24, created_at=NOON, updated_at=NOON, random_bucket=3)


@pytest.mark.parametrize(
    ("ours", "stored"),
    [
        (1e22, 10000000000000000000000),
        (1e-7, 0.00000010),
        (1e16, 10000000000000000),
        (5.0, 5.0),
        (-1e16, -10000000000000000),
        ({"of": [3, -0.0]}, {"of": [3, 0.0]}),
    ],
)
def test_one_number_in_two_forms_has_one_digest(ours: Any, stored: Any) -> None:
    one, other = (replace(ADA, custom_attributes={"score": each, "x": "1e5"}) for each in (ours, stored))

    assert digest_fields(one) == digest_fields(other)


def test_texts_that_look_like_such_numbers_differ() -> None:
    texts = ("1e5", "100000", "a:1e5", "a:100000", "2026-05-01", '":1e5', '":100000')

    assert len({digest_fields(replace(ADA, custom_attributes={"t": text}))["custom_attributes"] for text in texts}) == 7
    assert len({digest_fields(replace(ADA, first_name=text))["first_name"] for text in texts}) == 7


def test_the_order_of_keys_and_the_time_zone_do_not_count() -> None:
    there = NOON.astimezone(timezone(timedelta(hours=2)))
    one = replace(ADA, custom_attributes={"a": 1, "b": 2}, first_session_at=NOON)
    other = replace(ADA, custom_attributes={"b": 2, "a": 1}, first_session_at=there)

    assert digest_fields(one) == digest_fields(other)


def test_changed_fields_are_named() -> None:
    before = digest_fields(replace(ADA, first_name="Ada", custom_attributes={"a": 1}))

    assert changed_fields(before, replace(ADA, last_name="L", custom_attributes={"a": 2})) == [
        "custom_attributes",
        "first_name",
        "last_name",
    ]
    assert changed_fields(before, replace(ADA, first_name="Ada", custom_attributes={"a": 1})) == []


def test_fields_that_every_merge_writes_are_left_out() -> None:
    merged = replace(ADA, updated_at=NOON + timedelta(hours=1), absorbed_on=NOON.date(), absorbed_count=3)

    assert digest_fields(merged) == digest_fields(ADA)
