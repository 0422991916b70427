"""The members of a profile that are arrays in exports and mappings in the table: summaries, devices and tokens."""

from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import ValidationError

from schemas.profile_imports.values import (
    Json,
    Reader,
    count,
    moment_as_text,
    name,
    objects,
    parts,
    text,
    truth,
)

#: `subscription_state` of a group.
STATES = ("subscribed", "unsubscribed")
#: Maximum characters of a push token, as in requests.
MAX_TOKEN = 4_096

ACTIVITY: Mapping[str, Reader] = {"name": name, "count": count, "first": moment_as_text, "last": moment_as_text}
APP: Mapping[str, Reader] = {
    "app_id": name,
    "name": name,
    "platform": text,
    "version": text,
    "sessions": count,
    "first_used": moment_as_text,
    "last_used": moment_as_text,
}
DEVICE: Mapping[str, Reader] = {
    "device_id": name,
    "model": text,
    "os": text,
    "carrier": text,
    "idfv": text,
    "idfa": text,
    "ad_tracking_enabled": truth,
}


def _token(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TOKEN:
        raise ValidationError(f"must be a text of 1 to {MAX_TOKEN:,} characters")
    return value


def _group_state(value: Any) -> str:
    if value not in STATES:
        raise ValidationError("must be one of subscribed and unsubscribed")
    return str(value)


def _engaged(value: Any) -> dict[str, bool]:
    if not isinstance(value, dict):
        raise ValidationError("must be an object")
    return {name(key): truth(each) for key, each in value.items() if each is not None}


PUSH_TOKEN: Mapping[str, Reader] = {
    "app": name,
    "token": _token,
    "platform": text,
    "device_id": text,
    "notifications_enabled": truth,
    "provisionally_opted_in": truth,
}
GROUP: Mapping[str, Reader] = {"subscription_group_id": name, "subscription_state": _group_state}
MESSAGE: Mapping[str, Reader] = {
    "name": name,
    "variation_name": text,
    "variation_api_id": text,
    "in_control": truth,
    "engaged": _engaged,
    "converted": truth,
}
CAMPAIGN: Mapping[str, Reader] = {"api_campaign_id": name, **MESSAGE, "last_received": moment_as_text}
STEP: Mapping[str, Reader] = {"api_canvas_step_id": name, "name": name, "last_received": moment_as_text}


def _keyed(
    value: Any, readers: Mapping[str, Reader], *, required: tuple[str, ...] = ()
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the place and the members of each object of the array *value*."""
    for place, entry in enumerate(objects(value)):
        try:
            yield str(place), parts(entry, readers, required=required)
        except ValidationError as error:
            raise ValidationError({str(place): error.messages}) from None


def _add(entries: dict[str, Any], place: str, key: str, entry: Any) -> None:
    if key in entries:
        raise ValidationError({place: ["names what an earlier element of the array names"]})
    entries[key] = entry


def activity(value: Any) -> dict[str, Any]:
    """Return custom events or purchases by name."""
    entries: dict[str, Any] = {}
    for place, entry in _keyed(value, ACTIVITY, required=("name", "count")):
        _check_range(place, entry, "first", "last")
        _add(entries, place, entry.pop("name"), entry)
    return entries


def apps(value: Any) -> dict[str, Any]:
    """Return apps by id; the vendor's have a name only, which two platforms may share."""
    entries: dict[str, Any] = {}
    for place, entry in _keyed(value, APP):
        _check_range(place, entry, "first_used", "last_used")
        key = entry.pop("app_id", None)
        if key is None:
            key = _id_or_name(place, entry, "app_id")
            if key in entries and "platform" in entry:
                key = f"{key} {entry['platform']}"
        _add(entries, place, key, _without_same_name(entry, key))
    return entries


def devices(value: Any) -> dict[str, Any]:
    """Return devices by id."""
    entries: dict[str, Any] = {}
    for place, entry in _keyed(value, DEVICE, required=("device_id",)):
        _add(entries, place, entry["device_id"], entry)
    return entries


def push_tokens(value: Any) -> dict[str, Any]:
    """Return push tokens by app and token."""
    entries: dict[str, Any] = {}
    for place, entry in _keyed(value, PUSH_TOKEN, required=("app", "token")):
        _add(entries, place, f"{entry['app']}:{entry['token']}", entry)
    return entries


def subscription_groups(value: Any) -> dict[str, str]:
    """Return the state in each subscription group."""
    entries: dict[str, str] = {}
    for place, entry in _keyed(value, GROUP, required=tuple(GROUP)):
        _add(entries, place, entry["subscription_group_id"], entry["subscription_state"])
    return entries


def campaigns(value: Any) -> dict[str, Any]:
    """Return received campaigns by id, or by name without one."""
    entries: dict[str, Any] = {}
    for place, entry in _keyed(value, CAMPAIGN):
        key = entry.pop("api_campaign_id", None) or _id_or_name(place, entry, "api_campaign_id")
        _add(entries, place, key, _without_same_name(entry, key))
    return entries


def canvases(value: Any) -> dict[str, Any]:
    """Return received canvases by id, or by name without one."""
    entries: dict[str, Any] = {}
    for place, entry in _keyed(value, CANVAS):
        key = entry.pop("api_canvas_id", None) or _id_or_name(place, entry, "api_canvas_id")
        _add(entries, place, key, _without_same_name(entry, key))
    return entries


def _steps(value: Any) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for place, entry in _keyed(value, STEP):
        key = entry.pop("api_canvas_step_id", None) or _id_or_name(place, entry, "api_canvas_step_id")
        _add(entries, place, key, _without_same_name(entry, key))
    return entries


CANVAS: Mapping[str, Reader] = {
    "api_canvas_id": name,
    **MESSAGE,
    "last_received_message": moment_as_text,
    "last_entered": moment_as_text,
    "last_exited": moment_as_text,
    "steps_received": _steps,
}


def interactions(value: Any) -> dict[str, str]:
    """Return the last time of each kind of interaction."""
    if not isinstance(value, dict):
        raise ValidationError("must be an object")
    return parts(value, dict.fromkeys(value, moment_as_text))


def _id_or_name(place: str, entry: Json, wanted: str) -> str:
    if "name" not in entry:
        raise ValidationError({place: {wanted: ["is required"]}})
    return str(entry["name"])


def _without_same_name(entry: dict[str, Any], key: str) -> dict[str, Any]:
    """Return *entry* without a name that is its key: exports write the key then."""
    if entry.get("name") == key:
        del entry["name"]
    return entry


def _check_range(place: str, entry: Json, first: str, last: str) -> None:
    if first in entry and last in entry and entry[first] > entry[last]:
        raise ValidationError({place: {first: [f"may not be later than '{last}'"]}})
