"""What a line changes: the profile that it creates, and the members that it fills or replaces. Pure."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.merging.changes import canonical_time
from app.merging.consent_states import GROUPS
from app.merging.profile import EmailAddress, PhoneNumber, Profile
from app.profiles.creation import BUCKETS
from app.users.draft import Draft
from schemas.profile_imports import ImportedProfile

#: Columns of a line that are no field of the same name, or that never change.
ADDRESS_COLUMNS = frozenset({"email", "email_key", "email_encrypted", "phone", "phone_e164"})
FIXED = frozenset({"created_at", "updated_at", "random_bucket"})
#: Columns that are mappings, whose entries are filled one by one.
KEYED = frozenset(
    {
        "custom_attributes",
        "custom_events",
        "purchases",
        "apps",
        "devices",
        "push_tokens",
        "subscription_groups",
        "campaigns_received",
        "canvases_received",
        "last_interactions",
    }
)
#: Summary → its sum, the part that is added up, and its ends with the parts that they are the ends of.
SUMS: Mapping[str, tuple[str, str, tuple[tuple[str, str], tuple[str, str]]]] = {
    "purchases": ("purchase_count", "count", (("first_purchase_at", "first"), ("last_purchase_at", "last"))),
    "apps": ("session_count", "sessions", (("first_session_at", "first_used"), ("last_session_at", "last_used"))),
}
#: Columns that are filled with their summaries.
FILLED_WITH_SUMMARY = frozenset(
    column for total, _, ends in SUMS.values() for column in (total, *(end for end, _ in ends))
)
#: Times of something that happened: none is later than now.
RECORDED = (
    "created_at",
    "updated_at",
    "first_purchase_at",
    "last_purchase_at",
    "first_session_at",
    "last_session_at",
    "marked_email_as_spam_at",
)
RECORDED_WITHIN: Mapping[str, tuple[str, ...]] = {
    "custom_events": ("first", "last"),
    "purchases": ("first", "last"),
    "apps": ("first_used", "last_used"),
    "campaigns_received": ("last_received",),
    "canvases_received": ("last_received_message", "last_entered", "last_exited"),
}


def new_profile(line: ImportedProfile, *, workspace_id: int, profile_id: int, braze_id: str, now: datetime) -> Profile:
    """Return the profile that *line* creates; *profile_id* stands for its id until it has one."""
    columns = not_after(line.columns, now)
    fields = {name: value for name, value in columns.items() if name not in ADDRESS_COLUMNS}
    return Profile(
        **{
            "workspace_id": workspace_id,
            "id": profile_id,
            "braze_id": braze_id,
            "created_at": now,
            "updated_at": now,
            "random_bucket": secrets.randbelow(BUCKETS) if "random_bucket" not in columns else 0,
            "external_id": line.external_id,
            "user_aliases": line.user_aliases,
            "email": email_of(columns),
            "phone": phone_of(columns),
            **fields,
        }
    )


def email_of(columns: Mapping[str, Any]) -> EmailAddress | None:
    """Return the email address in *columns*, or None."""
    if "email" not in columns:
        return None
    encrypted = bool(columns.get("email_encrypted"))
    return EmailAddress(address=columns["email"], key=columns["email_key"], encrypted=encrypted)


def phone_of(columns: Mapping[str, Any]) -> PhoneNumber | None:
    """Return the phone number in *columns*, or None."""
    return PhoneNumber(number=columns["phone"], e164=columns["phone_e164"]) if "phone" in columns else None


def fill_names(draft: Draft, line: ImportedProfile) -> None:
    """Give *draft* the external_id and the aliases of *line* where it has none."""
    if line.external_id is not None and draft["external_id"] is None:
        draft["external_id"] = line.external_id
    added = {label: name for label, name in line.user_aliases.items() if label not in draft["user_aliases"]}
    if added:
        draft["user_aliases"] = {**draft["user_aliases"], **added}


def set_addresses(draft: Draft, line: ImportedProfile, *, fill: bool) -> None:
    """Set the addresses of *line*, which are the profile's own then; with *fill* only where it has none."""
    for name, address in (("email", email_of(line.columns)), ("phone", phone_of(line.columns))):
        if address is not None and draft[name] != address and not (fill and draft[name] is not None):
            draft[name] = address
            draft[f"{name}_origin_id"] = None


def fill_members(draft: Draft, line: ImportedProfile, *, now: datetime) -> None:
    """Fill the empty members of *draft*, except addresses; summaries and other mappings by key."""
    columns = not_after(line.columns, now)
    for name, value in columns.items():
        if name in ADDRESS_COLUMNS or name in FIXED or name in FILLED_WITH_SUMMARY:
            continue
        present = draft[name]
        if name in KEYED:
            added = {key: entry for key, entry in value.items() if key not in present}
            if added:
                draft[name] = {**present, **added}
                _add_to_sums(draft, name, added)
        elif present in (None, False) or (name == "revenue_cents" and present == 0):
            draft[name] = value
    for name in FILLED_WITH_SUMMARY & columns.keys():
        if draft[name] in (None, 0):
            draft[name] = columns[name]


def replace_members(draft: Draft, line: ImportedProfile, *, now: datetime) -> None:
    """Replace the members of *draft* by those of *line*, except addresses; each subscription group by itself."""
    for name, value in not_after(line.columns, now).items():
        if name == GROUPS:
            draft[name] = {**draft[name], **value}
        elif name not in ADDRESS_COLUMNS and name not in FIXED:
            draft[name] = value


def not_after(columns: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
    """Return *columns* with *now*, in whole milliseconds, instead of a recorded time in the future."""
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    latest = canonical_time(now)
    late: dict[str, Any] = {name: now for name in RECORDED if (columns.get(name) or now) > now}
    for name, parts in RECORDED_WITHIN.items():
        entries = columns.get(name) or {}
        if any(entry.get(part, "") > latest for entry in entries.values() for part in parts):
            late[name] = {key: _entry_not_after(entry, parts, latest) for key, entry in entries.items()}
    times = columns.get("last_interactions") or {}
    if any(time > latest for time in times.values()):
        late["last_interactions"] = {key: min(time, latest) for key, time in times.items()}
    return {**columns, **late} if late else columns


def _entry_not_after(entry: Mapping[str, Any], parts: tuple[str, ...], latest: str) -> dict[str, Any]:
    return {**entry, **{part: min(entry[part], latest) for part in parts if part in entry}}


def _add_to_sums(draft: Draft, summary: str, added: Mapping[str, Any]) -> None:
    """Add the entries *added* to the sum and the ends of *summary*, unless these are empty."""
    if summary not in SUMS:
        return
    total, counted, ends = SUMS[summary]
    if draft[total]:
        draft.add(total, sum(entry.get(counted, 0) for entry in added.values()))
    for (column, part), widest in zip(ends, (min, max), strict=True):
        times = [datetime.fromisoformat(entry[part]) for entry in added.values() if part in entry]
        if draft[column] is not None and times:
            draft[column] = widest([draft[column], *times])
