"""Members of a profile in an import → columns of the table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from marshmallow import ValidationError

from schemas.attributes import AttributesSchema
from schemas.fields import first_fault
from schemas.lenient import Invalid
from schemas.profile import EXPORTABLE
from schemas.profile_imports import summaries
from schemas.profile_imports.custom import custom_attributes
from schemas.profile_imports.values import (
    Json,
    Reader,
    bucket,
    cents,
    coordinates,
    count,
    moment,
    moment_as_text,
)
from schemas.text import quoted

#: Remarks of one line, so that a line of unknown members does not fill the answer.
MAX_REMARKS = 20

ATTRIBUTES = AttributesSchema().fields
#: Members that `/users/track` takes too, by the same rules. A lenient one is left out if it is invalid.
AS_IN_REQUESTS = (
    "first_name",
    "last_name",
    "gender",
    "dob",
    "home_city",
    "country",
    "language",
    "time_zone",
    "facebook",
    "twitter",
    "test_user",
    "control_group",
    "marked_for_deletion_at",
    "email_open_tracking_disabled",
    "email_click_tracking_disabled",
    "marked_email_as_spam_at",
    "email_encrypted",
    "email",
    "phone",
)
REQUEST_FIELDS = {name: ATTRIBUTES[name] for name in AS_IN_REQUESTS}
#: Some of them are one of few texts, others are true or false.
OF_FEW_VALUES = frozenset({"first_name", "gender", "dob", "home_city", "country", "language", "time_zone"})
SWITCHES = frozenset({"test_user", "control_group", "email_open_tracking_disabled", "email_click_tracking_disabled"})
#: Members that only exports have → the column and the reader.
OF_EXPORTS: Mapping[str, tuple[str, Reader]] = {
    "created_at": ("created_at", moment),
    "updated_at": ("updated_at", moment),
    "random_bucket": ("random_bucket", bucket),
    "last_coordinates": ("current_location", coordinates),
    "custom_events": ("custom_events", summaries.activity),
    "purchases": ("purchases", summaries.activity),
    "total_revenue": ("revenue_cents", cents),
    "purchase_count": ("purchase_count", count),
    "first_purchase": ("first_purchase_at", moment),
    "last_purchase": ("last_purchase_at", moment),
    "session_count": ("session_count", count),
    "first_session": ("first_session_at", moment),
    "last_session": ("last_session_at", moment),
    "apps": ("apps", summaries.apps),
    "devices": ("devices", summaries.devices),
    "push_tokens": ("push_tokens", summaries.push_tokens),
    "subscription_groups": ("subscription_groups", summaries.subscription_groups),
    "campaigns_received": ("campaigns_received", summaries.campaigns),
    "canvases_received": ("canvases_received", summaries.canvases),
    "last_interactions": ("last_interactions", summaries.interactions),
}
#: Column of a subscription → the member with its state, and the members with its dates by their keys.
SUBSCRIPTIONS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "email_subscription": (
        "email_subscribe",
        {"opted_in_at": "email_opted_in_at", "unsubscribed_at": "email_unsubscribed_at"},
    ),
    "push_subscription": ("push_subscribe", {"opted_in_at": "push_opted_in_at"}),
}
#: The states of subscriptions, which saves most lines the field of requests.
STATES = frozenset({"opted_in", "subscribed", "unsubscribed"})
#: Members that are read elsewhere, or that have nothing to keep.
KNOWN = EXPORTABLE | {"braze_id", "appboy_id", "external_id", "user_aliases", "custom_attributes"}


@dataclass(slots=True)
class ReadColumns:
    """The columns of a line, the sentences about parts that were left out, and the faults by member."""

    columns: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    faults: list[tuple[str, ValidationError]] = field(default_factory=list)


def read_columns(line: Json) -> ReadColumns:
    """Return what *line* has for the columns of a profile. Null is as absent."""
    read = ReadColumns()
    for member in line:
        if line[member] is None:
            continue
        try:
            found = _read(line, member)
        except ValidationError as error:
            read.faults.append((member, error))
            continue
        if found is not None and isinstance(found[1], Invalid):
            fault = first_fault({member: found[1].messages}).removesuffix(".")
            read.remarks.append(f"{fault}, so it was left out.")
        elif found is not None:
            read.columns[found[0]] = found[1]
    _read_subscriptions(line, read)
    _read_custom_attributes(line, read)
    if "phone" in read.columns and not read.columns["phone"].strip():
        del read.columns["phone"]
    if "email" not in read.columns:
        read.columns.pop("email_encrypted", None)
    _complete_sums(read.columns)
    unknown = (member for member in line if member not in KNOWN)
    read.remarks += (f"'{quoted(member)}' is no member of a profile and was left out." for member in unknown)
    del read.remarks[MAX_REMARKS:]
    return read


def _read(line: Json, member: str) -> tuple[str, Any] | None:
    """Return the column and the value of *member*; None if it is no column by itself. Raises ValidationError."""
    if member in OF_EXPORTS:
        column, reader = OF_EXPORTS[member]
        return column, reader(line[member])
    if member not in REQUEST_FIELDS:
        return None
    value = line[member]
    if type(value) is str and member in OF_FEW_VALUES:
        return member, _read_once(member, value)
    if type(value) is bool and member in SWITCHES:
        return member, value
    return member, REQUEST_FIELDS[member].deserialize(value, member, line)


@lru_cache(maxsize=16_384)
def _read_once(member: str, value: str) -> Any:
    """Return *value* of *member* as requests read it; from memory, since most profiles share these values."""
    return REQUEST_FIELDS[member].deserialize(value, member)


def _read_subscriptions(line: Json, read: ReadColumns) -> None:
    """Add the subscriptions: a state, and the moments at which states began.

    Exports write "subscribed" for a profile without a state, so that alone is none.
    """
    for column, (member, dates) in SUBSCRIPTIONS.items():
        subscription: dict[str, Any] = {}
        for key, name in (("state", member), *dates.items()):
            value = line.get(name)
            if value is None:
                continue
            try:
                subscription[key] = _state(value, member) if key == "state" else moment_as_text(value)
            except ValidationError as error:
                read.faults.append((name, error))
        if subscription and subscription != {"state": "subscribed"}:
            read.columns[column] = {"state": "subscribed", **subscription}


def _state(value: Any, member: str) -> Any:
    if type(value) is str and value in STATES:
        return value
    return ATTRIBUTES[member].deserialize(value)


def _read_custom_attributes(line: Json, read: ReadColumns) -> None:
    value = line.get("custom_attributes")
    if value is None:
        return
    try:
        attributes, left_out = custom_attributes(value)
    except ValidationError as error:
        read.faults.append(("custom_attributes", error))
        return
    read.remarks += left_out
    read.columns["custom_attributes"] = attributes


def _complete_sums(columns: dict[str, Any]) -> None:
    """Add the sums and the ends over a whole summary, which the vendor's exports lack."""
    for summary, counted, total, first, last, first_at, last_at in (
        ("purchases", "count", "purchase_count", "first", "last", "first_purchase_at", "last_purchase_at"),
        ("apps", "sessions", "session_count", "first_used", "last_used", "first_session_at", "last_session_at"),
    ):
        entries = columns.get(summary)
        if not entries:
            continue
        if total not in columns:
            columns[total] = sum(entry.get(counted, 0) for entry in entries.values())
        for column, part, end in ((first_at, first, min), (last_at, last, max)):
            times = [entry[part] for entry in entries.values() if part in entry]
            if column not in columns and times:
                columns[column] = moment(end(times))
