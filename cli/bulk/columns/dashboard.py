"""The columns of a segment that was exported as CSV from the vendor's dashboard."""

from collections.abc import Mapping
from typing import Any

#: A file with one of these columns is such an export.
DASHBOARD_IDS = frozenset({"Appboy ID", "Braze ID"})
#: The members that other columns set.
MEMBERS: Mapping[str, str] = {
    "Appboy ID": "braze_id",
    "Braze ID": "braze_id",
    "user_id": "external_id",
    "city": "home_city",
    "date_of_birth": "dob",
    "first_session": "date_of_first_session",
    "last_session": "date_of_last_session",
    "unsubscribed_from_emails_at": "email_subscribe",
}
#: Summaries and devices, which attributes cannot set.
IGNORED = frozenset(
    {
        "created_at",
        "devices",
        "last_app_version_used",
        "google_ad_ids",
        "IDFAs",
        "IDFVs",
        "session_count",
        "in_app_purchase_total",
        "average_session_length",
        "random_bucket",
        "push_opted_in_at",
        "email_opted_in_at",
        "email_opted_in",
        "push_opted_in",
    }
)
UNSUBSCRIBED = "unsubscribed"


def is_ignored(name: str) -> bool:
    """Return whether the column *name* is not imported."""
    return name in IGNORED or name.startswith("number_of_")


def dashboard_object(made: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes object for the cells *made* of one row.

    The profile is the one with the external_id, else with the email or phone, else with the braze_id, which creates
    none.
    """
    found = dict(made)
    if found.get("email_subscribe"):
        found["email_subscribe"] = UNSUBSCRIBED
    if any(name in found for name in ("external_id", "email", "phone")):
        found.pop("braze_id", None)
    return found
