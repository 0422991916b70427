from datetime import UTC, date, datetime

from schemas.base import moment_text
from schemas.profile import EXPORTABLE, ProfileSchema
from tests.support.factories import a_profile, an_email

MAY = datetime(2026, 5, 1, 8, 0, 0, 999_999, tzinfo=UTC)
MAY_TEXT = "2026-05-01T08:00:00.999Z"

#: The members of an exported profile without data.
LEAST = {
    "user_aliases",
    "braze_id",
    "appboy_id",
    "created_at",
    "updated_at",
    "random_bucket",
    "test_user",
    "control_group",
    "total_revenue",
    "purchase_count",
    "session_count",
    "push_subscribe",
    "email_subscribe",
}


def test_members_without_a_value_are_omitted_except_aliases() -> None:
    shown = ProfileSchema().dump(a_profile())

    assert shown.keys() == LEAST
    assert shown["user_aliases"] == []
    assert (shown["total_revenue"], shown["email_subscribe"], shown["push_subscribe"]) == (
        0.0,
        "subscribed",
        "subscribed",
    )


def test_a_profile_has_the_format_of_brazes_export() -> None:
    profile = a_profile(
        braze_id="a" * 24,
        random_bucket=7,
        created_at=MAY,
        updated_at=MAY,
        external_id="e",
        user_aliases={"shop": "7", "app": "9"},
        email=an_email("A@B.cd", encrypted=True),
        phone="0123",
        dob=date(1980, 12, 21),
        current_location={"latitude": 40.7, "longitude": -73.9},
        custom_attributes={"plan": "gold", "none": 0},
        custom_events={"login": {"count": 2, "first": "F", "last": "L"}},
        purchases={"hat": {"count": 1, "first": "F", "last": "L"}},
        revenue_cents=1999,
        purchase_count=1,
        first_purchase_at=MAY,
        session_count=3,
        first_session_at=MAY,
        last_session_at=MAY,
        apps={"web": {"sessions": 3, "first_used": "F", "last_used": "L"}},
        devices={"d": {"device_id": "d", "os": "iOS", "carrier": None}},
        push_tokens={"a:t": {"app": "a", "token": "t"}},
        email_subscription={"state": "opted_in", "opted_in_at": "O"},
        push_subscription={"state": "unsubscribed"},
        subscription_groups={"g": "unsubscribed"},
        campaigns_received={"c": {"name": "Sale", "last_received": "L", "engaged": {"opened": True}}},
        canvases_received={"v": {"last_entered": "E", "steps_received": {"s": {"last_received": "R"}}}},
        last_interactions={"last_opened_at": "O"},
    )

    assert ProfileSchema().dump(profile) == {
        "external_id": "e",
        "user_aliases": [{"alias_name": "9", "alias_label": "app"}, {"alias_name": "7", "alias_label": "shop"}],
        "braze_id": "a" * 24,
        "appboy_id": "a" * 24,
        "created_at": MAY_TEXT,
        "updated_at": MAY_TEXT,
        "random_bucket": 7,
        "email": "A@B.cd",
        "email_encrypted": True,
        "phone": "0123",
        "dob": "1980-12-21",
        "last_coordinates": [-73.9, 40.7],
        "test_user": False,
        "control_group": False,
        "custom_attributes": {"plan": "gold", "none": 0},
        "custom_events": [{"name": "login", "count": 2, "first": "F", "last": "L"}],
        "purchases": [{"name": "hat", "count": 1, "first": "F", "last": "L"}],
        "total_revenue": 19.99,
        "purchase_count": 1,
        "first_purchase": MAY_TEXT,
        "session_count": 3,
        "first_session": MAY_TEXT,
        "last_session": MAY_TEXT,
        "apps": [{"name": "web", "app_id": "web", "sessions": 3, "first_used": "F", "last_used": "L"}],
        "devices": [{"device_id": "d", "os": "iOS"}],
        "push_tokens": [{"app": "a", "token": "t"}],
        "push_subscribe": "unsubscribed",
        "email_subscribe": "opted_in",
        "email_opted_in_at": "O",
        "subscription_groups": [{"subscription_group_id": "g", "subscription_state": "unsubscribed"}],
        "campaigns_received": [
            {"name": "Sale", "api_campaign_id": "c", "last_received": "L", "engaged": {"opened": True}}
        ],
        "canvases_received": [
            {
                "name": "v",
                "api_canvas_id": "v",
                "last_entered": "E",
                "steps_received": [{"name": "s", "api_canvas_step_id": "s", "last_received": "R"}],
            }
        ],
        "last_interactions": {"last_opened_at": "O"},
    }


def test_a_moment_is_in_utc_with_whole_milliseconds() -> None:
    assert moment_text(datetime.fromisoformat("2026-05-01T10:00:00.999999+02:00")) == MAY_TEXT
    assert moment_text(datetime(2026, 5, 1, tzinfo=UTC)) == "2026-05-01T00:00:00.000Z"


def test_every_field_of_brazes_export_may_be_requested() -> None:
    vendors = """
        apps attributed_campaign attributed_source attributed_adgroup attributed_ad push_subscribe email_subscribe
        braze_id country created_at custom_attributes custom_events devices dob email external_id first_name gender
        home_city language last_coordinates last_name phone purchases push_tokens random_bucket time_zone total_revenue
        uninstalled_at user_aliases campaigns_received canvases_received
    """

    assert set(vendors.split()) <= EXPORTABLE
