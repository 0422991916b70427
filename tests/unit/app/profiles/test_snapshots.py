"""Snapshots of profiles for the audit: every present value, but of large mappings only entries a merge can change."""

from datetime import date

from app.profiles.snapshots import MOST_ENTRIES, profile_from_snapshot, profile_to_snapshot
from tests.support.factories import LONG_AGO, a_phone, a_profile, an_email


def devices(*names: str) -> dict[str, dict[str, str]]:
    """Return devices with these names."""
    return {name: {"device_id": name} for name in names}


MANY = devices(*(f"d{number}" for number in range(MOST_ENTRIES + 1)))


def test_a_snapshot_omits_only_absent_values() -> None:
    profile = a_profile(first_name="", session_count=3, custom_attributes={"plan": None})

    snapshot = profile_to_snapshot(profile)

    assert snapshot.keys() == {
        *("workspace_id", "id", "braze_id", "created_at", "updated_at", "random_bucket"),
        *("first_name", "session_count", "custom_attributes"),
    }
    assert profile_from_snapshot(snapshot) == profile


def test_a_snapshot_from_json_equals_the_profile() -> None:
    profile = a_profile(
        email=an_email(" Ann@x.org", encrypted=True),
        phone=a_phone("+1 415 5550123"),
        dob=date(1980, 12, 21),
        first_session_at=LONG_AGO,
        user_aliases={"mail": "ann"},
    )
    as_json = {**profile_to_snapshot(profile), "dob": "1980-12-21"} | {
        name: LONG_AGO.isoformat() for name in ("created_at", "updated_at", "first_session_at")
    }

    assert profile_from_snapshot(as_json) == profile


def test_the_keys_of_addresses_are_computed_again() -> None:
    profile = a_profile(email=an_email("weiß@x.org"), phone=a_phone("+1 650 253 0000 ext. 1"))
    old = {**profile_to_snapshot(profile), "email_key": "weiss@x.org", "phone_e164": "+16502530000"}

    assert profile_from_snapshot(old) == profile


def test_a_very_large_mapping_keeps_only_entries_that_the_other_side_has_too() -> None:
    hub, orphan = a_profile(devices=MANY), a_profile(devices=devices("d7", "new"))

    assert profile_to_snapshot(hub, beside=orphan)["devices"] == devices("d7")
    assert profile_to_snapshot(hub)["devices"] == MANY


def test_any_other_mapping_is_kept_whole() -> None:
    usual, orphan = a_profile(devices=devices("mine")), a_profile(devices=devices("theirs"))

    assert profile_to_snapshot(usual, beside=orphan)["devices"] == devices("mine")


def test_any_number_of_aliases_is_kept_whole() -> None:
    names = {f"label-{number}": "name" for number in range(MOST_ENTRIES + 1)}
    hub, orphan = a_profile(user_aliases=names), a_profile(user_aliases={"mail": "ann"})

    assert profile_to_snapshot(hub, beside=orphan)["user_aliases"] == names
