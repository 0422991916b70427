import copy
import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.merging.profile import Profile
from app.users.revenue import MAX_REVENUE_CENTS, TOO_MUCH
from app.users.track_apply import clamp_to_now
from schemas.attributes import Attributes, AttributesSchema
from schemas.fields import Moment
from schemas.identifiers import ExternalId
from schemas.track import Entry, load_track
from tests.support.factories import a_phone, a_profile, an_email
from tests.support.tracked import apply_entries

NOW = datetime(2026, 6, 1, 12, 0, 0, 123456, tzinfo=UTC)
NOW_TEXT = "2026-06-01T12:00:00.123Z"
SPRING = "2026-03-01T08:00:00.000Z"
MAY = "2026-05-01T08:00:00.000Z"
ME = {"external_id": "me"}


def entries(**arrays: list[dict[str, Any]]) -> list[Entry]:
    """Return the entries of a request whose objects all have the identifier ME."""
    loaded = load_track({array: [{**ME, **each} for each in objects] for array, objects in arrays.items()})

    assert loaded.errors == []
    return loaded.entries


def tracked(profile: Profile | None = None, **arrays: list[dict[str, Any]]) -> Profile:
    """Return *profile*, empty by default, after a request; fail if an entry has no effect."""
    after = apply_entries(profile or a_profile(), entries(**arrays), at=NOW, array_cap=3)

    assert (after.refused, after.ignored) == ({}, [])
    return after.profile


def attributed(profile: Profile | None = None, **attributes: Any) -> Profile:
    """Return *profile* after one attributes object."""
    return tracked(profile, attributes=[attributes])


def event(time: str, name: str = "login") -> dict[str, Any]:
    return {"name": name, "time": time}


def purchase(time: str, price: float = 1, **more: Any) -> dict[str, Any]:
    return {"product_id": "hat", "currency": "USD", "price": price, "time": time, **more}


def session(time: str, **more: Any) -> dict[str, Any]:
    return {"app_id": "web", "started_at": time, **more}


def engagement(kind: str, what: str, time: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "id": "m1", "event": what, "time": time, **more}


def test_a_write_sets_the_update_time() -> None:
    assert tracked().updated_at == NOW


def test_the_old_profile_is_not_changed() -> None:
    before = a_profile(
        custom_attributes={"plan": "free"},
        custom_events={"login": {"count": 1, "first": MAY, "last": MAY}},
        devices={"d": {"device_id": "d"}},
    )
    kept = copy.deepcopy(before)
    after = tracked(
        before,
        attributes=[{"plan": "gold", "devices": [{"device_id": "d", "model": "x"}]}],
        events=[event(SPRING)],
    )

    assert before == kept
    assert after != before


@pytest.mark.parametrize(
    ("name", "sent", "field", "value"),
    [
        ("first_name", "A", "first_name", "A"),
        ("email", " A@B.cd", "email", an_email("A@B.cd")),
        ("phone", "+1 555 123 4567", "phone", a_phone("+1 555 123 4567")),
        ("phone", "0123", "phone", a_phone("0123")),
        ("email_subscribe", "subscribed", "email_subscription", {"state": "subscribed"}),
        ("email_subscribe", "opted_in", "email_subscription", {"state": "opted_in", "opted_in_at": NOW_TEXT}),
        (
            "email_subscribe",
            "unsubscribed",
            "email_subscription",
            {"state": "unsubscribed", "unsubscribed_at": NOW_TEXT},
        ),
        ("push_subscribe", "opted_in", "push_subscription", {"state": "opted_in", "opted_in_at": NOW_TEXT}),
        ("date_of_first_session", SPRING, "first_session_at", datetime(2026, 3, 1, 8, tzinfo=UTC)),
        ("test_user", True, "test_user", True),
        ("control_group", True, "control_group", True),
        ("devices", [{"device_id": "d", "os": "iOS"}], "devices", {"d": {"device_id": "d", "os": "iOS"}}),
        (
            "push_tokens",
            [{"app_id": "a", "token": "t", "device_id": "d"}],
            "push_tokens",
            {"a:t": {"app": "a", "token": "t", "device_id": "d"}},
        ),
        (
            "subscription_groups",
            [{"subscription_group_id": "g", "subscription_state": "unsubscribed"}],
            "subscription_groups",
            {"g": "unsubscribed"},
        ),
    ],
)
def test_an_attribute_sets_its_field(name: str, sent: Any, field: str, value: Any) -> None:
    assert getattr(attributed(**{name: sent}), field) == value


NULLABLE = {
    "first_name": ("first_name", "A", None),
    "email": ("email", an_email("a@b.cd"), None),
    "phone": ("phone", a_phone("+15551234567"), None),
    "email_subscribe": ("email_subscription", {"state": "opted_in"}, None),
    "current_location": ("current_location", {"longitude": 1, "latitude": 2}, None),
    "devices": ("devices", {"d": {"device_id": "d"}}, {}),
    "push_tokens": ("push_tokens", {"a:t": {}}, {}),
    "subscription_groups": ("subscription_groups", {"g": "subscribed"}, {}),
    "test_user": ("test_user", True, False),
    "control_group": ("control_group", True, False),
    "marked_for_deletion_at": ("marked_for_deletion_at", NOW, None),
}


@pytest.mark.parametrize("name", NULLABLE)
def test_null_resets_an_attribute(name: str) -> None:
    field, value, nothing = NULLABLE[name]
    profile = a_profile(**{field: value})

    assert getattr(attributed(profile, **{name: None}), field) == nothing


def test_custom_attributes_are_set_and_null_deletes() -> None:
    profile = a_profile(custom_attributes={"plan": "free", "age": 7, "kept": {"a": 1}})
    after = attributed(profile, plan="gold", age=None, never=None, address={"city": "Leeds"})

    assert after.custom_attributes == {"plan": "gold", "kept": {"a": 1}, "address": {"city": "Leeds"}}


def test_operations_see_the_effects_of_earlier_objects() -> None:
    after = tracked(
        a_profile(custom_attributes={"visits": 1}),
        attributes=[{"visits": {"inc": 2}}, {"visits": {"inc": 3}, "seen": ["a", "b", "c"]}, {"seen": {"add": ["d"]}}],
    )

    assert after.custom_attributes == {"visits": 6, "seen": ["b", "c", "d"]}


def test_an_impossible_operation_is_a_warning_and_the_rest_of_its_object_takes_effect() -> None:
    profile = a_profile(custom_attributes={"plan": "gold"})
    after = apply_entries(
        profile,
        entries(attributes=[{"first_name": "A"}, {"plan": {"inc": 1}, "last_name": "B"}]),
        at=NOW,
        array_cap=3,
    )

    assert (after.profile.first_name, after.profile.last_name) == ("A", "B")
    assert after.profile.custom_attributes == profile.custom_attributes
    assert after.refused == {}
    assert after.ignored == [(1, "The custom attribute 'plan' is not a number, and was not incremented.")]


def test_revenue_beyond_its_range_is_refused_purchase_by_purchase() -> None:
    profile = a_profile(revenue_cents=MAX_REVENUE_CENTS - 150)
    after = apply_entries(
        profile, entries(purchases=[purchase(MAY, 1), purchase(MAY, 1), purchase(MAY, -1)]), at=NOW, array_cap=3
    )

    assert after.refused == {1: TOO_MUCH}
    assert after.profile.revenue_cents == MAX_REVENUE_CENTS - 150
    assert after.profile.purchase_count == 2


def test_the_later_of_two_objects_wins() -> None:
    after = tracked(attributes=[{"first_name": "A", "plan": "x"}, {"first_name": "B", "plan": "y"}])

    assert (after.first_name, after.custom_attributes) == ("B", {"plan": "y"})


def test_devices_and_tokens_are_added_to_the_present_ones() -> None:
    profile = a_profile(devices={"d": {"device_id": "d", "os": "iOS"}}, push_tokens={"a:t": {"app": "a", "token": "t"}})
    after = attributed(
        profile,
        devices=[{"device_id": "d", "model": "15"}, {"device_id": "e"}],
        push_tokens=[{"app_id": "a", "token": "u"}],
    )

    assert after.devices == {"d": {"device_id": "d", "os": "iOS", "model": "15"}, "e": {"device_id": "e"}}
    assert list(after.push_tokens) == ["a:t", "a:u"]


def test_a_subscription_keeps_the_start_time_of_each_state() -> None:
    opted_in = {"state": "opted_in", "opted_in_at": SPRING}
    again = attributed(a_profile(email_subscription=opted_in), email_subscribe="opted_in")
    out = attributed(a_profile(email_subscription=opted_in), email_subscribe="unsubscribed")

    assert again.email_subscription == opted_in
    assert out.email_subscription == {"state": "unsubscribed", "opted_in_at": SPRING, "unsubscribed_at": NOW_TEXT}


def test_encryption_belongs_to_the_address_of_its_request() -> None:
    hidden = attributed(email="c2VjcmV0", email_encrypted=True)
    again = tracked(hidden, attributes=[{"email": "c2VjcmV0", "email_encrypted": True, "first_name": "A"}])
    replaced = attributed(hidden, email="a@b.cd")
    shown = attributed(hidden, email_encrypted=False)
    nothing = attributed(email_encrypted=True)

    assert hidden.email == an_email("c2VjcmV0", encrypted=True)
    assert again.email == hidden.email
    assert replaced.email == an_email("a@b.cd")
    assert shown.email == an_email("c2VjcmV0")
    assert nothing.email is None


def test_events_are_counted_by_name_with_first_and_last() -> None:
    after = tracked(events=[event(MAY), event(SPRING), event(MAY, "search")])

    assert after.custom_events == {
        "login": {"count": 2, "first": SPRING, "last": MAY},
        "search": {"count": 1, "first": MAY, "last": MAY},
    }


def test_a_quantity_counts_as_that_number_of_purchases() -> None:
    after = tracked(purchases=[purchase(MAY, 9.99, quantity=3), purchase(SPRING, 0.01)])

    assert after.purchases == {"hat": {"count": 4, "first": SPRING, "last": MAY}}
    assert (after.purchase_count, after.revenue_cents) == (4, 2998)
    assert (after.first_purchase_at, after.last_purchase_at) == (
        datetime(2026, 3, 1, 8, tzinfo=UTC),
        datetime(2026, 5, 1, 8, tzinfo=UTC),
    )


def test_a_refund_reduces_the_revenue_and_counts_as_a_purchase() -> None:
    after = tracked(purchases=[purchase(SPRING, 10), purchase(MAY, -10)])

    assert (after.purchase_count, after.revenue_cents) == (2, 0)


def test_sessions_are_counted_for_the_profile_and_for_each_app() -> None:
    after = tracked(
        sessions=[
            session(MAY, ended_at="2026-05-01T09:00:00Z", app_name="Site", platform="web", app_version="2"),
            session(SPRING),
            session(MAY, app_id="ios", device={"device_id": "d", "os": "iOS"}),
        ]
    )

    assert after.session_count == 3
    assert (after.first_session_at, after.last_session_at) == (
        datetime(2026, 3, 1, 8, tzinfo=UTC),
        datetime(2026, 5, 1, 8, tzinfo=UTC),
    )
    assert after.apps == {
        "web": {
            "name": "Site",
            "platform": "web",
            "version": "2",
            "sessions": 2,
            "first_used": SPRING,
            "last_used": MAY,
        },
        "ios": {"sessions": 1, "first_used": MAY, "last_used": MAY},
    }
    assert after.devices == {"d": {"device_id": "d", "os": "iOS"}}


def test_engagements_with_a_campaign() -> None:
    after = tracked(
        engagements=[
            engagement("campaign", "received", MAY, name="Spring sale", in_control=False, variation_name="A"),
            engagement("campaign", "received", SPRING),
            engagement("campaign", "opened", MAY),
            engagement("campaign", "clicked", MAY),
            engagement("campaign", "converted", MAY),
        ]
    )

    assert after.campaigns_received == {
        "m1": {
            "name": "Spring sale",
            "in_control": False,
            "variation_name": "A",
            "last_received": MAY,
            "engaged": {"opened": True, "clicked": True},
            "converted": True,
        }
    }
    assert after.last_interactions == {
        "last_received_at": MAY,
        "last_opened_at": MAY,
        "last_clicked_at": MAY,
        "last_converted_at": MAY,
    }


def test_engagements_with_a_canvas() -> None:
    after = tracked(
        engagements=[
            engagement("canvas", "entered", SPRING, name="Welcome"),
            engagement("canvas", "received", MAY, step_id="s1", step_name="Hello"),
            engagement("canvas", "received", SPRING, step_id="s1"),
            engagement("canvas", "received", MAY, step_id="s2"),
            engagement("canvas", "exited", MAY),
        ]
    )

    assert after.canvases_received == {
        "m1": {
            "name": "Welcome",
            "last_entered": SPRING,
            "last_received_message": MAY,
            "last_exited": MAY,
            "steps_received": {"s1": {"name": "Hello", "last_received": MAY}, "s2": {"last_received": MAY}},
        }
    }
    assert after.campaigns_received == {}


def test_a_time_in_the_future_becomes_now() -> None:
    whole = NOW.replace(microsecond=123000)
    login, visit, past, attributes = (
        clamp_to_now(entry, now=NOW)
        for entry in (
            *entries(events=[event("2999-01-01T00:00:00Z")]),
            *entries(sessions=[session(MAY, ended_at="2999-01-01T00:00:00Z")]),
            *entries(events=[event(MAY)]),
            *entries(attributes=[{}]),
        )
    )

    assert login == dataclasses.replace(login, time=whole)  # type: ignore[call-arg]
    assert (visit.time, visit.ended_at) == (datetime(2026, 5, 1, 8, tzinfo=UTC), whole)  # type: ignore[union-attr]
    assert past.time == datetime(2026, 5, 1, 8, tzinfo=UTC)  # type: ignore[union-attr]
    assert attributes.target == ExternalId("me")


#: Attributes with a time, and whether a time in the future becomes now.
TIMES = {
    "date_of_first_session": True,
    "date_of_last_session": True,
    "marked_email_as_spam_at": True,
    "marked_for_deletion_at": False,
}


@pytest.mark.parametrize(("name", "recorded"), TIMES.items())
def test_only_recorded_times_in_the_future_become_now(name: str, recorded: bool) -> None:
    def stored(sent: str | None) -> Any:
        (entry,) = entries(attributes=[{name: sent}])
        clamped = clamp_to_now(entry, now=NOW)
        assert isinstance(clamped, Attributes)
        return clamped.standard[name]

    future = datetime(2999, 1, 1, tzinfo=UTC)
    assert stored("2999-01-01T00:00:00Z") == (NOW.replace(microsecond=123000) if recorded else future)
    assert stored(MAY) == datetime(2026, 5, 1, 8, tzinfo=UTC)
    assert stored(None) is None


def test_no_other_attribute_has_a_time() -> None:
    fields = {name: getattr(field, "inner", field) for name, field in AttributesSchema().fields.items()}

    assert {name for name, field in fields.items() if isinstance(field, Moment)} == TIMES.keys()


@given(st.lists(st.integers(min_value=0, max_value=1_000_000), min_size=1, max_size=20))
def test_summaries_do_not_depend_on_the_order(seconds: list[int]) -> None:
    profile = a_profile()
    times = [(NOW - timedelta(seconds=each)).isoformat() for each in seconds]
    arrays = {"events": [event(time) for time in times], "purchases": [purchase(time, 0.1) for time in times]}
    backwards = {array: objects[::-1] for array, objects in arrays.items()}
    after = tracked(profile, **arrays)

    assert after == tracked(profile, **backwards)
    assert after.custom_events["login"]["count"] == len(seconds)
    assert after.revenue_cents == 10 * len(seconds)
