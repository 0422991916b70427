"""An entry that names its profile by a device gives the profile that device."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.users.track_apply import device_ids
from schemas.track import Entry, load_track
from tests.support.factories import a_profile
from tests.support.tracked import apply_entries

NOW = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)
NOON = "2026-05-01T12:00:00Z"
SESSION = {"app_id": "web", "started_at": NOON}
KNOWN = {"device_id": "d", "model": "X"}


def entries(**arrays: list[dict[str, Any]]) -> list[Entry]:
    loaded = load_track(arrays)

    assert loaded.errors == []
    return loaded.entries


def devices_after(present: dict[str, Any], **arrays: list[dict[str, Any]]) -> Any:
    """Return the devices of a profile that had the *present* ones, after the entries of *arrays*."""
    return apply_entries(a_profile(devices=present), entries(**arrays), at=NOW, array_cap=3).profile.devices


@pytest.mark.parametrize(
    ("array", "given"),
    [("attributes", {"plan": "gold"}), ("events", {"name": "login", "time": NOON}), ("sessions", SESSION)],
)
def test_the_device_of_the_entry_is_added(array: str, given: dict[str, Any]) -> None:
    assert devices_after({}, **{array: [{**given, "device_id": "d"}]}) == {"d": {"device_id": "d"}}


def test_a_known_device_keeps_its_facts() -> None:
    assert devices_after({"d": KNOWN}, events=[{"device_id": "d", "name": "login", "time": NOON}]) == {"d": KNOWN}


def test_facts_about_the_device_can_be_sent_beside_its_id() -> None:
    assert devices_after({}, attributes=[{"device_id": "d", "devices": [KNOWN]}]) == {"d": KNOWN}


def test_the_device_stays_when_all_devices_are_removed() -> None:
    present = {"d": KNOWN, "e": {"device_id": "e"}}

    assert devices_after(present, attributes=[{"device_id": "d", "devices": None}]) == {"d": {"device_id": "d"}}


def test_the_devices_that_an_entry_adds_are_listed() -> None:
    me = {"external_id": "me"}
    (of_attributes, plain, removing), (session,) = (
        entries(attributes=[{**me, "devices": [KNOWN, {"device_id": "e"}]}, me, {**me, "devices": None}]),
        entries(sessions=[{**me, **SESSION, "device": KNOWN}]),
    )

    assert [list(device_ids(each)) for each in (of_attributes, plain, removing, session)] == [["d", "e"], [], [], ["d"]]
