"""A profile as exports show it: the vendor's shape, with what is ours beside it."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from marshmallow import Schema, fields, post_dump

CENTS = 100
#: What the vendor shows until a subscription state was set explicitly.
DEFAULT_SUBSCRIPTION = "subscribed"
#: Shown even when there is nothing in it, as the vendor does.
ALWAYS = frozenset({"user_aliases"})


def moment_text(moment: datetime) -> str:
    """Return *moment* in UTC as ISO 8601 with milliseconds and a Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


class MomentText(fields.Field[datetime]):
    """A moment, as ISO 8601 in UTC with milliseconds and a Z."""

    def _serialize(self, value: datetime | None, *_: Any, **__: Any) -> str | None:
        """Return *value* as text."""
        return None if value is None else moment_text(value)


class DayText(fields.Field[date]):
    """A day, as YYYY-MM-DD."""

    def _serialize(self, value: date | None, *_: Any, **__: Any) -> str | None:
        """Return *value* as text."""
        return None if value is None else value.isoformat()


class Units(fields.Field[int]):
    """Whole cents, as a number of units."""

    def _serialize(self, value: int | None, *_: Any, **__: Any) -> float:
        """Return *value* in units."""
        return (value or 0) / CENTS


class Entries(fields.Field[Mapping[str, Any]]):
    """A mapping of entries, as the list that the vendor makes of it.

    *keys* are the names under which an entry shows its key; *renamed* maps a part of an entry to the name it is shown
    under. A part without a value is not shown.
    """

    def __init__(self, *keys: str, renamed: Mapping[str, str] | None = None, **options: Any) -> None:
        self._keys = keys
        self._renamed = renamed or {}
        super().__init__(**options)

    def _serialize(self, value: Mapping[str, Any] | None, *_: Any, **__: Any) -> list[dict[str, Any]]:
        """Return the entries of *value* in the order of their keys."""
        return [self._shown(key, entry) for key, entry in sorted((value or {}).items())]

    def _shown(self, key: str, entry: Any) -> dict[str, Any]:
        """Return one entry as it is shown."""
        parts = {self._renamed.get(part, part): inner for part, inner in _parts(entry) if inner is not None}
        return {**dict.fromkeys(self._keys, key), **parts}


def _parts(entry: Any) -> Iterable[tuple[str, Any]]:
    """Return the parts of a summary's *entry*; the steps of a canvas as a list of their own."""
    if not isinstance(entry, Mapping):
        return [("value", entry)]
    steps = entry.get("steps_received")
    if not steps:
        return entry.items()
    listed = [{"name": key, "api_canvas_step_id": key, **step} for key, step in sorted(steps.items())]
    return {**entry, "steps_received": listed}.items()


class ProfileSchema(Schema):
    """Everything that an export shows of a profile, in the vendor's names; what has no value is left out."""

    external_id = fields.String()
    user_aliases = fields.Method("_user_aliases")
    braze_id = fields.String()
    appboy_id = fields.Function(lambda profile: profile.braze_id)
    created_at = MomentText()
    updated_at = MomentText()
    random_bucket = fields.Integer()

    first_name = fields.String()
    last_name = fields.String()
    email = fields.String(attribute="email.address")
    email_encrypted = fields.Function(lambda profile: (profile.email is not None and profile.email.encrypted) or None)
    phone = fields.String(attribute="phone.number")
    dob = DayText()
    gender = fields.String()
    home_city = fields.String()
    country = fields.String()
    language = fields.String()
    time_zone = fields.String()
    last_coordinates = fields.Method("_last_coordinates")
    facebook = fields.Raw()
    twitter = fields.Raw()
    test_user = fields.Boolean()
    control_group = fields.Boolean()
    marked_for_deletion_at = MomentText()

    custom_attributes = fields.Raw()
    custom_events = Entries("name")
    purchases = Entries("name")
    total_revenue = Units(attribute="revenue_cents")
    purchase_count = fields.Integer()
    first_purchase = MomentText(attribute="first_purchase_at")
    last_purchase = MomentText(attribute="last_purchase_at")
    session_count = fields.Integer()
    first_session = MomentText(attribute="first_session_at")
    last_session = MomentText(attribute="last_session_at")
    apps = Entries("name", "app_id")
    devices = Entries()
    push_tokens = Entries()

    push_subscribe = fields.Method("_push_subscribe")
    push_opted_in_at = fields.String(attribute="push_subscription.opted_in_at")
    email_subscribe = fields.Method("_email_subscribe")
    email_opted_in_at = fields.String(attribute="email_subscription.opted_in_at")
    email_unsubscribed_at = fields.String(attribute="email_subscription.unsubscribed_at")
    email_open_tracking_disabled = fields.Boolean()
    email_click_tracking_disabled = fields.Boolean()
    marked_email_as_spam_at = MomentText()
    subscription_groups = Entries("subscription_group_id", renamed={"value": "subscription_state"})

    campaigns_received = Entries("name", "api_campaign_id")
    canvases_received = Entries("name", "api_canvas_id")
    last_interactions = fields.Raw()

    def _user_aliases(self, profile: Any) -> list[dict[str, str]]:
        """Return the aliases as the vendor lists them."""
        aliases = sorted(profile.user_aliases.items())
        return [{"alias_name": name, "alias_label": label} for label, name in aliases]

    def _last_coordinates(self, profile: Any) -> list[float] | None:
        """Return the last known place as longitude and latitude."""
        location = profile.current_location
        return None if location is None else [location["longitude"], location["latitude"]]

    def _push_subscribe(self, profile: Any) -> str:
        """Return the state of the push subscription."""
        return _state(profile.push_subscription)

    def _email_subscribe(self, profile: Any) -> str:
        """Return the state of the email subscription."""
        return _state(profile.email_subscription)

    @post_dump
    def _without_empty(self, shown: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return *shown* without what has no value."""
        return {name: value for name, value in shown.items() if name in ALWAYS or value not in (None, {}, [])}


def _state(subscription: Mapping[str, Any] | None) -> str:
    """Return the state that *subscription* holds, or the default."""
    return DEFAULT_SUBSCRIPTION if subscription is None else str(subscription["state"])


#: Names that the vendor exports and that no profile here has a value for.
VALUELESS = frozenset(
    {
        "attributed_campaign",
        "attributed_source",
        "attributed_adgroup",
        "attributed_ad",
        "cards_clicked",
        "uninstalled_at",
    }
)
#: Every name that `fields_to_export` may hold.
EXPORTABLE = VALUELESS | frozenset(ProfileSchema().fields)
