"""A profile in exports: the vendor's members, and additional ones of Mergelane."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from marshmallow import Schema, fields, post_dump

from schemas.base import ANY_OBJECT, DATE_TIME, OPTIONAL, Instant, ResponseSchema, WireJson, count_field
from schemas.targets import UserAliasSchema

CENTS = 100
#: The subscription state of a profile that has none, as at the vendor.
DEFAULT_SUBSCRIPTION = "subscribed"
#: Members that are present even when they are empty, as at the vendor.
ALWAYS = frozenset({"user_aliases"})


class DayText(fields.Field[date]):
    """A day, as YYYY-MM-DD."""

    json_schema: Mapping[str, Any] = {"type": "string", "format": "date"}

    def _serialize(self, value: date | None, *_: Any, **__: Any) -> str | None:
        return None if value is None else value.isoformat()


class Units(fields.Field[int]):
    """Whole cents, as a number of units."""

    json_schema: Mapping[str, Any] = {"type": "number", "description": "In units, exact to the cent."}

    def _serialize(self, value: int | None, *_: Any, **__: Any) -> float:
        return (value or 0) / CENTS


class Entries(fields.Field[Mapping[str, Any]]):
    """A mapping of entries, dumped as a list of objects that *shape* describes.

    *keys* are the members with an entry's key; *renamed* maps a part of an entry to its member. Parts without a value
    are omitted.
    """

    def __init__(
        self, shape: type[Schema], *keys: str, renamed: Mapping[str, str] | None = None, **options: Any
    ) -> None:
        self.json_schema = {"type": "array", "items": shape}
        self._keys = keys
        self._renamed = renamed or {}
        super().__init__(**options)

    def _serialize(self, value: Mapping[str, Any] | None, *_: Any, **__: Any) -> list[dict[str, Any]]:
        return [self._dumped(key, entry) for key, entry in sorted((value or {}).items())]

    def _dumped(self, key: str, entry: Any) -> dict[str, Any]:
        parts = {self._renamed.get(part, part): inner for part, inner in _parts(entry) if inner is not None}
        return {**dict.fromkeys(self._keys, key), **parts}


def _parts(entry: Any) -> Iterable[tuple[str, Any]]:
    """Return the parts of *entry*; the steps of a canvas as a list."""
    if not isinstance(entry, Mapping):
        return [("value", entry)]
    steps = entry.get("steps_received")
    if not steps:
        return entry.items()
    listed = [{"name": key, "api_canvas_step_id": key, **step} for key, step in sorted(steps.items())]
    return {**entry, "steps_received": listed}.items()


def _time(**options: Any) -> fields.String:
    """Return a field for a moment that is stored as text."""
    return fields.String(metadata={**DATE_TIME, **OPTIONAL}, **options)


class ActivityCountSchema(ResponseSchema):
    """A custom event or a product: its count, and its first and last time."""

    name = fields.String()
    count = count_field()
    first = Instant()
    last = Instant()


class AppSchema(ResponseSchema):
    """An app that the person used."""

    name = fields.String()
    app_id = fields.String()
    platform = fields.String(metadata=OPTIONAL)
    version = fields.String(metadata=OPTIONAL)
    sessions = count_field()
    first_used = _time()
    last_used = _time()


class ProfileDeviceSchema(ResponseSchema):
    """A device of the person."""

    device_id = fields.String()
    model = fields.String(metadata=OPTIONAL)
    os = fields.String(metadata=OPTIONAL)
    carrier = fields.String(metadata=OPTIONAL)
    idfv = fields.String(metadata=OPTIONAL)
    idfa = fields.String(metadata=OPTIONAL)
    ad_tracking_enabled = fields.Boolean(metadata=OPTIONAL)


class ProfilePushTokenSchema(ResponseSchema):
    """A token of an app for push messages."""

    app = fields.String()
    token = fields.String()
    platform = fields.String(metadata=OPTIONAL)
    device_id = fields.String(metadata=OPTIONAL)
    notifications_enabled = fields.Boolean(metadata=OPTIONAL)
    provisionally_opted_in = fields.Boolean(metadata=OPTIONAL)


class ProfileSubscriptionGroupSchema(ResponseSchema):
    """The state of one subscription group."""

    subscription_group_id = fields.String()
    subscription_state = fields.String(metadata={"enum": ["subscribed", "unsubscribed"]})


class ReceivedMessageSchema(ResponseSchema):
    """The base of received campaigns and canvases."""

    name = fields.String()
    variation_name = fields.String(metadata=OPTIONAL)
    variation_api_id = fields.String(metadata=OPTIONAL)
    in_control = fields.Boolean(metadata=OPTIONAL)
    engaged = fields.Dict(values=fields.Boolean(), metadata=OPTIONAL)
    converted = fields.Boolean(metadata=OPTIONAL)


class ReceivedCampaignSchema(ReceivedMessageSchema):
    """A campaign that the person received."""

    api_campaign_id = fields.String()
    last_received = _time()


class CanvasStepSchema(ResponseSchema):
    """A step of a canvas that the person received."""

    name = fields.String()
    api_canvas_step_id = fields.String()
    last_received = _time()


class ReceivedCanvasSchema(ReceivedMessageSchema):
    """A canvas that the person received."""

    api_canvas_id = fields.String()
    last_received_message = _time()
    last_entered = _time()
    last_exited = _time()
    steps_received = fields.List(fields.Nested(CanvasStepSchema), metadata=OPTIONAL)


SUBSCRIPTION_STATE = {"type": "string", "enum": ["opted_in", "subscribed", "unsubscribed"]}


class ProfileSchema(ResponseSchema):
    """A profile with the vendor's names of members. Members without a value are absent."""

    all_optional = True

    external_id = fields.String()
    user_aliases = fields.Method("_user_aliases", metadata={"type": "array", "items": UserAliasSchema})
    braze_id = fields.String()
    appboy_id = fields.Function(lambda profile: profile.braze_id, metadata={"type": "string"})
    created_at = Instant()
    updated_at = Instant()
    random_bucket = fields.Integer()

    first_name = fields.String()
    last_name = fields.String()
    email = fields.String(attribute="email.address")
    email_encrypted = fields.Function(
        lambda profile: (profile.email is not None and profile.email.encrypted) or None, metadata={"type": "boolean"}
    )
    phone = fields.String(attribute="phone.number")
    dob = DayText()
    gender = fields.String()
    home_city = fields.String()
    country = fields.String()
    language = fields.String()
    time_zone = fields.String()
    last_coordinates = fields.Method(
        "_last_coordinates",
        metadata={
            "type": "array",
            "items": {"type": "number"},
            "minItems": 2,
            "maxItems": 2,
            "description": "Longitude and latitude, in degrees.",
        },
    )
    facebook = WireJson(ANY_OBJECT)
    twitter = WireJson(ANY_OBJECT)
    test_user = fields.Boolean()
    control_group = fields.Boolean()
    marked_for_deletion_at = Instant()

    custom_attributes = WireJson(ANY_OBJECT)
    custom_events = Entries(ActivityCountSchema, "name")
    purchases = Entries(ActivityCountSchema, "name")
    total_revenue = Units(attribute="revenue_cents")
    purchase_count = fields.Integer()
    first_purchase = Instant(attribute="first_purchase_at")
    last_purchase = Instant(attribute="last_purchase_at")
    session_count = fields.Integer()
    first_session = Instant(attribute="first_session_at")
    last_session = Instant(attribute="last_session_at")
    apps = Entries(AppSchema, "name", "app_id")
    devices = Entries(ProfileDeviceSchema)
    push_tokens = Entries(ProfilePushTokenSchema)

    push_subscribe = fields.Method("_push_subscribe", metadata=SUBSCRIPTION_STATE)
    push_opted_in_at = _time(attribute="push_subscription.opted_in_at")
    email_subscribe = fields.Method("_email_subscribe", metadata=SUBSCRIPTION_STATE)
    email_opted_in_at = _time(attribute="email_subscription.opted_in_at")
    email_unsubscribed_at = _time(attribute="email_subscription.unsubscribed_at")
    email_open_tracking_disabled = fields.Boolean()
    email_click_tracking_disabled = fields.Boolean()
    marked_email_as_spam_at = Instant()
    subscription_groups = Entries(
        ProfileSubscriptionGroupSchema, "subscription_group_id", renamed={"value": "subscription_state"}
    )

    campaigns_received = Entries(ReceivedCampaignSchema, "name", "api_campaign_id")
    canvases_received = Entries(ReceivedCanvasSchema, "name", "api_canvas_id")
    last_interactions = WireJson(
        {
            "type": "object",
            "additionalProperties": DATE_TIME,
            "description": "By `last_X_at`, the last time of each kind of interaction.",
        }
    )

    def _user_aliases(self, profile: Any) -> list[dict[str, str]]:
        aliases = sorted(profile.user_aliases.items())
        return [{"alias_name": name, "alias_label": label} for label, name in aliases]

    def _last_coordinates(self, profile: Any) -> list[float] | None:
        location = profile.current_location
        return None if location is None else [location["longitude"], location["latitude"]]

    def _push_subscribe(self, profile: Any) -> str:
        return _state(profile.push_subscription)

    def _email_subscribe(self, profile: Any) -> str:
        return _state(profile.email_subscription)

    @post_dump
    def _without_empty(self, dumped: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {name: value for name, value in dumped.items() if name in ALWAYS or value not in (None, {}, [])}


def _state(subscription: Mapping[str, Any] | None) -> str:
    return DEFAULT_SUBSCRIPTION if subscription is None else str(subscription["state"])


#: Members that the vendor exports and that profiles here do not have.
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
#: The names that `fields_to_export` may have.
EXPORTABLE = VALUELESS | frozenset(ProfileSchema().fields)
