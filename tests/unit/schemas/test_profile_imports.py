"""Lines of an import: valid lines are read, invalid lines are refused, and no bytes cause a traceback."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.profile import EXPORTABLE
from schemas.profile_imports import ImportedProfile, LineRefused, parse_profile
from schemas.profile_imports.columns import KNOWN, OF_EXPORTS, REQUEST_FIELDS, SUBSCRIPTIONS
from schemas.profile_imports.parsing import IDENTIFIERS

Json = dict[str, Any]

FIRST, LAST = "2025-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z"
SECRET = "secret-value"


def profile(**line: Any) -> ImportedProfile:
    """Return the profile of a line with an external_id."""
    read = parse_profile(json.dumps({"external_id": "me", **line}))
    assert isinstance(read, ImportedProfile), read
    return read


def refused(text: str | bytes) -> tuple[str, ...]:
    """Return the reasons why *text* is refused."""
    read = parse_profile(text)
    assert isinstance(read, LineRefused), read
    return read.reasons


def test_the_vendors_profile_is_read() -> None:
    read = profile(
        user_aliases=[{"alias_name": "7", "alias_label": "crm"}],
        braze_id="A" * 24,
        created_at="2020-06-17T20:01:33.385Z",
        dob="1980-12-21",
        last_coordinates=[-73.99, 40.73],
        random_bucket=2365,
        custom_attributes={"plan": "pro", "none": None},
        custom_events=[{"name": "login", "first": FIRST, "last": LAST, "count": 2}],
        purchases=[{"name": "hat", "first": FIRST, "last": LAST, "count": 3}],
        total_revenue=65.1,
        apps=[
            {"name": "Shop", "platform": "iOS", "sessions": 1, "first_used": FIRST, "last_used": FIRST},
            {"name": "Shop", "platform": "Android", "sessions": 2, "first_used": LAST, "last_used": LAST},
        ],
        push_subscribe="opted_in",
        push_opted_in_at=FIRST,
        email_subscribe="subscribed",
        canvases_received=[
            {
                "name": "Hi",
                "api_canvas_id": "v1",
                "steps_received": [{"name": "One", "api_canvas_step_id": "s1", "last_received": LAST}],
            }
        ],
        cards_clicked=[{"name": "ignored"}],
        uninstalled_at=None,
    )

    columns = dict(read.columns)
    assert (read.external_id, read.braze_id, read.user_aliases) == ("me", "a" * 24, {"crm": "7"})
    assert read.remarks == ()
    assert columns == {
        "created_at": datetime(2020, 6, 17, 20, 1, 33, 385_000, tzinfo=UTC),
        "dob": date(1980, 12, 21),
        "current_location": {"longitude": -73.99, "latitude": 40.73},
        "random_bucket": 2365,
        "custom_attributes": {"plan": "pro"},
        "custom_events": {"login": {"count": 2, "first": FIRST, "last": LAST}},
        "purchases": {"hat": {"count": 3, "first": FIRST, "last": LAST}},
        "revenue_cents": 6510,
        "purchase_count": 3,
        "first_purchase_at": datetime(2025, 1, 1, tzinfo=UTC),
        "last_purchase_at": datetime(2026, 1, 1, tzinfo=UTC),
        "session_count": 3,
        "first_session_at": datetime(2025, 1, 1, tzinfo=UTC),
        "last_session_at": datetime(2026, 1, 1, tzinfo=UTC),
        "apps": {
            "Shop": {"platform": "iOS", "sessions": 1, "first_used": FIRST, "last_used": FIRST},
            "Shop Android": {
                "name": "Shop",
                "platform": "Android",
                "sessions": 2,
                "first_used": LAST,
                "last_used": LAST,
            },
        },
        "push_subscription": {"state": "opted_in", "opted_in_at": FIRST},
        "canvases_received": {"v1": {"name": "Hi", "steps_received": {"s1": {"name": "One", "last_received": LAST}}}},
    }


def test_every_member_of_an_export_is_read_or_known_to_have_nothing_to_keep() -> None:
    read = {*OF_EXPORTS, *REQUEST_FIELDS, *IDENTIFIERS, "custom_attributes"}
    for state, dates in SUBSCRIPTIONS.values():
        read |= {state, *dates.values()}

    assert EXPORTABLE - read == {
        "attributed_campaign",
        "attributed_source",
        "attributed_adgroup",
        "attributed_ad",
        "cards_clicked",
        "uninstalled_at",
    }
    assert read <= KNOWN | {"email_encrypted"}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON in UTF-8"),
        (b"[]", "not a JSON object"),
        (b'"me"', "not a JSON object"),
        (b'{"external_id": NaN}', "not JSON"),
        (b'{"external_id": "a", "total_revenue": 1e999}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"external_id": "a", "external_id": "b"}', "'external_id' is there twice"),
        (b'{"external_id": "a", "custom_attributes": {"x": 1, "x": 2}}', "'x' is there twice"),
        (b'{"external_id": "a", "custom_attributes": {"x": ":", "x": "\\u003a"}}', "'x' is there twice"),
        (
            b'{"external_id": "a", "custom_attributes": ' + b'{"a":' * 60 + b"1" + b"}" * 60 + b"}",
            "'custom_attributes'",
        ),
        (b'{"external_id": "a", "unknown": ' + b'{"a":' * 300 + b"1" + b"}" * 300 + b"}", "'unknown'"),
        (b'{"external_id": "\\ud800"}', "not JSON"),
        ('{"external_id": "\ud800"}', "not JSON"),
        (b'{"external_id": "\\u0000"}', "'external_id'"),
        (b'{"external_id": ' + b"9" * 5_000 + b"}", "'external_id'"),
        (b'{"external_id": "a", "created_at": "99999-01-01T00:00:00Z"}', "'created_at'"),
        (b'{"external_id": "a", "created_at": "0001-01-01T00:00:00.000Z"}', "'created_at'"),
        (b'{"external_id": "a", "random_bucket": 10000}', "'random_bucket'"),
        (b'{"external_id": "a", "random_bucket": true}', "'random_bucket'"),
        (b'{"external_id": "a", "total_revenue": 1e300}', "'total_revenue'"),
        (b'{"external_id": "a", "session_count": -1}', "'session_count'"),
        (b'{"external_id": "a", "custom_events": {}}', "'custom_events' must be an array"),
        (b'{"external_id": "a", "custom_events": [1]}', "'custom_events.0' must be an object"),
        (b'{"external_id": "a", "custom_events": [{"count": 1}]}', "'custom_events.0.name' is required"),
        (b'{"external_id": "a", "user_aliases": [{"alias_name": "a"}]}', "'user_aliases.0.alias_label' is required"),
        (b'{"braze_id": "xyz"}', "'braze_id' must be 24 hexadecimal digits"),
        (b'{"external_id": "a", "email": "x"}', "'email'"),
        (b'{"external_id": "a", "email_subscribe": "maybe"}', "'email_subscribe'"),
        (b'{"external_id": null, "user_aliases": []}', "names no profile"),
    ],
)
def test_a_line_that_is_no_profile_is_refused_with_the_member(text: str | bytes, part: str) -> None:
    (reason,) = refused(text)

    assert part in reason
    assert reason.endswith(".")


def test_duplicate_elements_are_refused() -> None:
    event = {"name": "login", "count": 1}

    assert refused(json.dumps({"external_id": "me", "custom_events": [event, event]})) == (
        "'custom_events.1' names what an earlier element of the array names.",
    )


def test_all_faults_of_a_line_are_named_and_no_value() -> None:
    line = {
        "external_id": SECRET * 200,
        "email": SECRET,
        "dob": 7,
        "created_at": SECRET,
        "custom_events": [{"name": SECRET, "count": SECRET}],
        "subscription_groups": [{"subscription_group_id": SECRET, "subscription_state": SECRET}],
    }

    reasons = refused(json.dumps(line))

    assert len(reasons) == 5
    assert not any(SECRET in reason for reason in reasons)


def test_attributes_that_requests_leave_out_are_left_out_with_a_remark() -> None:
    read = profile(
        country=SECRET, dob="21.12.1980", custom_attributes={"long": SECRET * 100, "ok": 1, "big": 2**70}, more=SECRET
    )

    assert read.columns == {"custom_attributes": {"ok": 1}}
    assert [remark.partition(" ")[0] for remark in read.remarks] == ["'country'", "'dob'", "The", "The", "'more'"]
    assert not any(SECRET in remark for remark in read.remarks)


def test_an_operation_of_requests_is_a_value_here() -> None:
    assert profile(custom_attributes={"seats": {"inc": 1}}).columns["custom_attributes"] == {"seats": {"inc": 1}}


@pytest.mark.parametrize("state", ["subscribed", None])
def test_the_default_state_of_exports_is_no_state(state: str | None) -> None:
    assert profile(email_subscribe=state, push_subscribe=state).columns == {}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(FIRST) | st.just("a" * 24),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(sorted(KNOWN)) | st.text(), inner),
    max_leaves=20,
)
ENTRY_PARTS = ("name", "count", "first", "last", "app_id", "device_id", "app", "token", "sessions", "alias_name")
ENTRIES = st.lists(st.dictionaries(st.sampled_from(ENTRY_PARTS), VALUES, max_size=6), max_size=3)
LINES = st.dictionaries(st.sampled_from(sorted(KNOWN)), VALUES | ENTRIES, max_size=8)


@given(st.binary() | st.text() | LINES.map(json.dumps) | LINES.map(lambda line: json.dumps(line).encode()[:-1]))
@example(b'{"external_id":"\xed\xa0\x80"}')
@example('{"external_id": "a", "custom_attributes": {"": "\udfff"}}')
@settings(max_examples=150, deadline=None)
def test_no_line_ends_in_a_traceback(text: str | bytes) -> None:
    read = parse_profile(text)

    if isinstance(read, LineRefused):
        assert read.reasons
        assert all(reason.endswith(".") for reason in read.reasons)
    else:
        assert read.external_id or read.braze_id or read.user_aliases
