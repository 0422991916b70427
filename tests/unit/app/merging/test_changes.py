"""The changes of a merge: all fields that differ and no others, with the names of exports."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import settings as with_settings

from app.merging.changes import canonical_time, list_changes
from app.merging.merge import merge_profiles
from app.merging.profile import Profile
from app.merging.rules import MERGE_RULES
from tests.support.factories import a_phone, a_profile, an_email
from tests.support.generated import AT, profiles

thoroughly = with_settings(max_examples=30, deadline=None)

MON, TUE = "2026-02-02T09:00:00.000Z", "2026-02-03T09:00:00.000Z"
MONDAY = datetime(2026, 2, 2, 9, tzinfo=UTC)

WHOLE = {"facebook", "twitter", "user_aliases"}
"""Mappings that are one change."""
KEYED = {"custom_attributes", "devices", "push_tokens", "subscription_groups"}
"""Mappings with a change for each key; its value is whole."""


def changes_of(field: str, before: Any, after: Any) -> list[dict[str, Any]]:
    """Return the changes between two profiles that differ only in *field*."""
    profile = a_profile(**{field: before})
    changed = replace(profile, **{field: after})
    return list_changes(before=profile, after=changed, orphan=changed)


@pytest.mark.parametrize(
    ("field", "before", "after", "name", "values", "rule"),
    [
        ("external_id", None, "ann", "external_id", (None, "ann"), "fill"),
        ("first_name", None, "Ann", "first_name", (None, "Ann"), "fill"),
        ("first_name", None, "", "first_name", (None, ""), "fill"),
        ("dob", None, date(1980, 12, 21), "dob", (None, "1980-12-21"), "fill"),
        ("email", None, an_email(" A@x.org"), "email", (None, " A@x.org"), "fill_unless_encrypted"),
        ("phone", None, a_phone("+1 415 5550123"), "phone", (None, "+1 415 5550123"), "fill"),
        ("test_user", False, True, "test_user", (False, True), "either"),
        ("session_count", 2, 5, "session_count", (2, 5), "add"),
        ("revenue_cents", 1050, 2099, "total_revenue", (10.5, 20.99), "add"),
        ("first_session_at", None, MONDAY, "first_session", (None, MON), "earliest"),
        (
            "email_subscription",
            None,
            {"state": "unsubscribed"},
            "email_subscribe",
            (None, "unsubscribed"),
            "follow_email",
        ),
        ("marked_email_as_spam_at", None, MONDAY, "marked_email_as_spam_at", (None, MON), "follow_email"),
        (
            "subscription_groups",
            {"news": "subscribed"},
            {"news": "unsubscribed"},
            "subscription_groups.news",
            ("subscribed", "unsubscribed"),
            "follow_address",
        ),
        ("push_subscription", None, {"state": "opted_in"}, "push_subscribe", (None, "opted_in"), "fill"),
        (
            "current_location",
            None,
            {"longitude": 9.9, "latitude": 48.4},
            "last_coordinates",
            (None, [9.9, 48.4]),
            "fill",
        ),
        (
            "user_aliases",
            {"guest": "c"},
            {"guest": "c", "email": "b"},
            "user_aliases",
            (
                [{"alias_name": "c", "alias_label": "guest"}],
                [{"alias_name": "b", "alias_label": "email"}, {"alias_name": "c", "alias_label": "guest"}],
            ),
            "fill_keys",
        ),
        (
            "custom_attributes",
            {"plan": "gold"},
            {"plan": "gold", "car": {"doors": 3}},
            "custom_attributes.car",
            (None, {"doors": 3}),
            "fill_keys",
        ),
        (
            "custom_events",
            {"login": {"count": 1, "first": MON, "last": MON}},
            {"login": {"count": 3, "first": MON, "last": MON}},
            "custom_events.login.count",
            (1, 3),
            "add",
        ),
        (
            "purchases",
            {"hat": {"count": 1, "first": MON, "last": MON}},
            {"hat": {"count": 1, "first": MON, "last": TUE}},
            "purchases.hat.last",
            (MON, TUE),
            "latest",
        ),
        ("apps", {"X": {"sessions": 1}}, {"X": {"sessions": 2}}, "apps.X.sessions", (1, 2), "add"),
        ("last_interactions", {}, {"last_opened_at": MON}, "last_interactions.last_opened_at", (None, MON), "latest"),
        ("devices", {}, {"d1": {"model": "m"}}, "devices.d1", (None, {"model": "m"}), "unite"),
    ],
)
def test_a_change_has_the_names_and_values_of_exports(
    field: str, before: Any, after: Any, name: str, values: tuple[Any, Any], rule: str
) -> None:
    assert changes_of(field, before, after) == [{"field": name, "before": values[0], "after": values[1], "rule": rule}]


def test_the_change_of_a_subscription_has_its_times_as_in_exports() -> None:
    state = {"state": "unsubscribed", "opted_in_at": MON, "unsubscribed_at": TUE}

    found = changes_of("email_subscription", None, state)

    assert {change["field"]: change["after"] for change in found} == {
        "email_subscribe": "unsubscribed",
        "email_opted_in_at": MON,
        "email_unsubscribed_at": TUE,
    }


def test_a_copied_summary_is_a_change_for_each_part() -> None:
    found = changes_of("custom_events", {}, {"buy": {"count": 4, "first": MON, "last": TUE}})

    assert {(change["field"], change["before"], change["after"]) for change in found} == {
        ("custom_events.buy.count", None, 4),
        ("custom_events.buy.first", None, MON),
        ("custom_events.buy.last", None, TUE),
    }


def test_identity_fields_are_no_changes() -> None:
    profile = a_profile()
    later = replace(profile, updated_at=AT, absorbed_on=AT.date(), absorbed_count=1, control_group=True)

    assert list_changes(before=profile, after=later, orphan=later) == []


def test_changes_are_in_the_order_of_the_rules() -> None:
    before, after = a_profile(), a_profile(last_purchase_at=MONDAY, country="DE", external_id="ann", session_count=1)

    names = [change["field"] for change in list_changes(before=before, after=after, orphan=after)]

    assert names == ["external_id", "country", "session_count", "last_purchase"]


@given(profiles(1), profiles(2))
@thoroughly
def test_changes_are_the_fields_that_differ(survivor: Profile, orphan: Profile) -> None:
    merged = merge_profiles(survivor=survivor, orphan=orphan, at=AT)

    found = list_changes(before=survivor, after=merged, orphan=orphan)

    before, after = dict(parts(survivor)), dict(parts(merged))
    differing = {path for path in {**before, **after} if before.get(path) != after.get(path)}
    assert sorted(exported(path) for path in differing) == sorted(change["field"] for change in found)
    assert all(change["before"] != change["after"] for change in found)


@given(profiles(1), profiles(2))
@thoroughly
def test_every_change_can_be_written_as_json(survivor: Profile, orphan: Profile) -> None:
    found = list_changes(before=survivor, after=merge_profiles(survivor=survivor, orphan=orphan, at=AT), orphan=orphan)

    assert orjson.loads(orjson.dumps(found)) == found


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (date(1980, 12, 21), "1980-12-21"),
        (datetime(2026, 1, 31, 9, 30, tzinfo=UTC), "2026-01-31T09:30:00.000Z"),
        (datetime(2026, 1, 31, 9, 30, 0, 999_999, tzinfo=UTC), "2026-01-31T09:30:00.999Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000Z"),
    ],
)
def test_times_have_one_form(value: date, text: str) -> None:
    assert canonical_time(value) == text


def test_a_moment_of_another_time_zone_is_in_utc() -> None:
    new_york = timezone(timedelta(hours=-5))

    assert canonical_time(datetime(2026, 1, 31, 4, 30, tzinfo=new_york)) == "2026-01-31T09:30:00.000Z"


def parts(profile: Profile) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each part of *profile* that can change by itself, with its path."""
    for field in MERGE_RULES:
        value = getattr(profile, field)
        if field in WHOLE or not isinstance(value, Mapping):
            yield (field,), getattr(value, "address", getattr(value, "number", value))
        elif field == "current_location":
            yield (field,), tuple(value.values())
        else:
            yield from below((field,), value, depth=1 if field in KEYED else 9)


def below(path: tuple[str, ...], value: Any, *, depth: int) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the leaves of *value*, at most *depth* steps down."""
    if depth and isinstance(value, Mapping):
        for key, inner in value.items():
            yield from below((*path, key), inner, depth=depth - 1)
    else:
        yield path, value


def exported(path: tuple[str, ...]) -> str:
    """Return the name of *path* in exports."""
    names = {
        ("email_subscription", "state"): "email_subscribe",
        ("email_subscription", "opted_in_at"): "email_opted_in_at",
        ("push_subscription", "state"): "push_subscribe",
        ("push_subscription", "opted_in_at"): "push_opted_in_at",
        ("revenue_cents",): "total_revenue",
        ("current_location",): "last_coordinates",
        ("first_session_at",): "first_session",
        ("last_session_at",): "last_session",
        ("first_purchase_at",): "first_purchase",
        ("last_purchase_at",): "last_purchase",
    }
    return names.get(path, ".".join(path))
