"""The profile as an immutable value: one row of the table `profile` with its aliases."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

#: A mapping that no code writes to.
Map = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailAddress:
    """An email address, its comparison key, and whether field-level encryption hides it."""

    address: str
    key: str
    encrypted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneNumber:
    """A phone number as sent, and its E.164 form, by which it is compared; without one it identifies no profile."""

    number: str
    e164: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A customer profile at one moment.

    Fields that are times are aware datetimes in UTC. Times inside mappings are text in one canonical form
    (`2026-01-31T09:30:00.000Z`), which sorts by time. Money is whole cents.
    """

    # Identity and guards. No rule merges these.
    workspace_id: int
    id: int
    braze_id: str
    created_at: datetime
    updated_at: datetime
    #: 0 to 9999; control groups and experiments are split by it.
    random_bucket: int
    control_group: bool = False
    marked_for_deletion_at: datetime | None = None
    #: The UTC day that absorbed_count counts.
    absorbed_on: date | None = None
    #: Orphans merged into this profile on that day.
    absorbed_count: int = 0

    # Identifiers.
    external_id: str | None = None
    #: label → name.
    user_aliases: Map = field(default_factory=dict)
    #: label → id of the orphan that had the alias before a merge. The other aliases are the profile's own.
    alias_origins: Map = field(default_factory=dict)
    #: Id of the orphan that had the email address before a merge; None if it is the profile's own.
    email_origin_id: int | None = None
    #: The same for the phone number.
    phone_origin_id: int | None = None

    # The person.
    first_name: str | None = None
    last_name: str | None = None
    gender: str | None = None
    dob: date | None = None
    home_city: str | None = None
    #: ISO 3166-1 alpha-2.
    country: str | None = None
    language: str | None = None
    time_zone: str | None = None
    facebook: Map | None = None
    twitter: Map | None = None
    #: {longitude, latitude}, in degrees.
    current_location: Map | None = None
    test_user: bool = False

    # Addresses and consent.
    email: EmailAddress | None = None
    #: {state, opted_in_at?, unsubscribed_at?}; None until it was set explicitly.
    email_subscription: Map | None = None
    email_open_tracking_disabled: bool | None = None
    email_click_tracking_disabled: bool | None = None
    marked_email_as_spam_at: datetime | None = None
    phone: PhoneNumber | None = None
    #: {state, opted_in_at?}; None until it was set explicitly.
    push_subscription: Map | None = None
    #: "app_id:token" → {app, token, device_id?, platform?, notifications_enabled?}.
    push_tokens: Map = field(default_factory=dict)
    #: device_id → {device_id, model?, os?, carrier?, idfv?, idfa?, ad_tracking_enabled?}.
    devices: Map = field(default_factory=dict)
    #: subscription group id → "subscribed" | "unsubscribed".
    subscription_groups: Map = field(default_factory=dict)

    # Summaries of behaviour. The single events are in the history, under their origin.
    session_count: int = 0
    first_session_at: datetime | None = None
    last_session_at: datetime | None = None
    #: app_id → {sessions, first_used, last_used, name?, platform?, version?}.
    apps: Map = field(default_factory=dict)
    custom_attributes: Map = field(default_factory=dict)
    #: event name → {count, first, last}.
    custom_events: Map = field(default_factory=dict)
    #: product_id → {count, first, last}.
    purchases: Map = field(default_factory=dict)
    purchase_count: int = 0
    revenue_cents: int = 0
    first_purchase_at: datetime | None = None
    last_purchase_at: datetime | None = None
    #: campaign id → {name?, last_received?, engaged?: {event: true}, converted?, in_control?, variation_name?}.
    campaigns_received: Map = field(default_factory=dict)
    #: canvas id → {name?, last_received_message?, last_entered?, last_exited?, in_control?, steps_received?}.
    canvases_received: Map = field(default_factory=dict)
    #: last_received_at, last_opened_at, last_clicked_at, … → the last time over all campaigns and canvases.
    last_interactions: Map = field(default_factory=dict)


def describe_profile(profile: Profile) -> str:
    """Return the name of *profile* in reasons: its braze_id, since a reason must not have personal data."""
    return f"profile {profile.braze_id}"
