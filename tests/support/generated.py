"""Hypothesis strategies for profiles. They use few keys and values, so two profiles often have some in common."""

from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from app.merging.profile import EmailAddress, PhoneNumber, Profile
from tests.support.factories import LONG_AGO, a_phone, an_email

Values = st.SearchStrategy[Any]

MOMENTS = st.integers(0, 40).map(lambda hours: LONG_AGO + timedelta(hours=hours))
TIMES = MOMENTS.map(lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S.000Z"))
DAYS = st.dates(min_value=date(1950, 1, 1), max_value=date(2010, 1, 1))
TEXTS = st.sampled_from(["", "a", "b", "ä\u0301", "0"])
COUNTS = st.integers(0, 2**40)
KEYS = st.sampled_from(["x", "y", "z.w", "count", "*", ""])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e15, 1e15) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=2),
    max_leaves=4,
)


def maybe(values: Values) -> Values:
    """Return *values* or None, equally often."""
    return st.none() | values


def keyed(entries: Values) -> Values:
    """Return mappings of one to three keys to *entries*."""
    return st.dictionaries(KEYS, entries, min_size=1, max_size=3)


def entry(must: dict[str, Values], may: dict[str, Values] | None = None) -> Values:
    """Return entries of a summary with the required members *must* and the optional members *may*."""
    return st.fixed_dictionaries(must, optional=may or {})


SUMMARIES = keyed(entry({"count": COUNTS, "first": TIMES, "last": TIMES}))
SUBSCRIPTIONS = entry({"state": st.sampled_from(["opted_in", "subscribed", "unsubscribed"])}, {"opted_in_at": TIMES})
ENGAGED = st.dictionaries(st.sampled_from(["opened_email", "clicked_email"]), st.just(value=True), min_size=1)
CAMPAIGNS = keyed(
    entry(
        {"last_received": TIMES}, {"name": TEXTS, "engaged": ENGAGED, "converted": st.booleans(), "in_control": TEXTS}
    )
)
CANVASES = keyed(
    entry(
        {"last_entered": TIMES},
        {
            "name": TEXTS,
            "last_received_message": TIMES,
            "last_exited": TIMES,
            "converted": st.booleans(),
            "engaged": ENGAGED,
            "steps_received": st.dictionaries(KEYS, entry({"last_received": TIMES}, {"name": TEXTS}), min_size=1),
        },
    )
)
EMAILS: st.SearchStrategy[EmailAddress] = st.builds(
    an_email, st.sampled_from(["a@x.org", "B@x.org"]), encrypted=st.booleans()
)
PHONES: st.SearchStrategy[PhoneNumber] = st.sampled_from(["+14155550123", "0123", ""]).map(a_phone)

PRESENT: dict[str, Values] = {
    **{field.name: TEXTS for field in fields(Profile) if field.type == str | None},
    "external_id": TEXTS.filter(bool),
    "user_aliases": keyed(TEXTS),
    "gender": st.sampled_from("MFONP"),
    "dob": DAYS,
    "country": st.sampled_from(["DE", "US"]),
    "facebook": keyed(JSON),
    "twitter": keyed(JSON),
    "current_location": entry({"longitude": st.just(7.5), "latitude": st.sampled_from([50.0, 51.5])}),
    "test_user": st.booleans(),
    "email": EMAILS,
    "email_subscription": SUBSCRIPTIONS,
    "email_open_tracking_disabled": st.booleans(),
    "email_click_tracking_disabled": st.booleans(),
    "marked_email_as_spam_at": MOMENTS,
    "phone": PHONES,
    "push_subscription": SUBSCRIPTIONS,
    "push_tokens": keyed(entry({"app": TEXTS, "token": TEXTS})),
    "devices": keyed(entry({"device_id": TEXTS}, {"model": TEXTS})),
    "subscription_groups": keyed(st.sampled_from(["subscribed", "unsubscribed"])),
    "session_count": COUNTS,
    "first_session_at": MOMENTS,
    "last_session_at": MOMENTS,
    "apps": keyed(entry({"sessions": COUNTS, "first_used": TIMES, "last_used": TIMES}, {"name": TEXTS})),
    "custom_attributes": keyed(JSON.filter(lambda value: value is not None)),
    "custom_events": SUMMARIES,
    "purchases": SUMMARIES,
    "purchase_count": COUNTS,
    "revenue_cents": st.integers(-(2**40), 2**40),
    "first_purchase_at": MOMENTS,
    "last_purchase_at": MOMENTS,
    "campaigns_received": CAMPAIGNS,
    "canvases_received": CANVASES,
    "last_interactions": st.dictionaries(st.sampled_from(["last_opened_at", "last_clicked_at"]), TIMES, min_size=1),
}
"""The values of each merged field, without absent and empty ones."""


def _or_absent(name: str, values: Values) -> Values:
    """Return *values*, or the default of the field *name*."""
    field = Profile.__dataclass_fields__[name]
    if field.default_factory is dict:
        return st.just({}) | values
    return maybe(values) if field.default is None else values


FIELDS: dict[str, Values] = {name: _or_absent(name, values) for name, values in PRESENT.items()}
"""The values of each merged field."""


def profiles(profile_id: int = 1, *, full: bool = False) -> st.SearchStrategy[Profile]:
    """Return profiles with the id *profile_id* and any fields, or with all of them if *full*."""
    identity: dict[str, Values] = {
        "workspace_id": st.just(1),
        "id": st.just(profile_id),
        "braze_id": st.just(f"{profile_id:024x}"),
        "created_at": MOMENTS,
        "updated_at": MOMENTS,
        "random_bucket": st.integers(0, 9999),
        "absorbed_on": maybe(st.sampled_from([date(2026, 1, 1), date(2026, 3, 1)])),
        "absorbed_count": st.integers(0, 3),
    }
    return st.builds(Profile, **identity, **(PRESENT if full else FIELDS))


AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""The time of the merges in the examples."""
