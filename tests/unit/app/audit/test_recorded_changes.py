"""The changes that are computed from the record of a merge equal the changes of the merge itself.

MERGELANE_TEST_MERGES sets the number of generated pairs; the default is for everyday runs.
"""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

from app.audit.recorded_changes import changes_of_record
from app.errors import UnknownRulesError
from app.merging import versions
from app.merging.changes import list_changes
from app.merging.consent_states import UNDECLARED, GroupKinds
from app.merging.merge import merge_profiles
from app.merging.profile import PhoneNumber, Profile
from app.profiles import snapshots
from app.profiles.snapshots import groups_to_snapshot, profile_to_snapshot
from tests.support.factories import a_profile
from tests.support.generated import AT, KEYS, profiles

EXAMPLES = int(os.environ.get("MERGELANE_TEST_MERGES", "40"))
#: Records of merges with version 1 of the rules, with their changes.
VERSION_1 = Path(__file__).with_name("version_1.json")

DECLARED = st.builds(
    lambda email, sms: GroupKinds(email_groups=email - sms, sms_groups=sms), st.frozensets(KEYS), st.frozensets(KEYS)
)


def recorded(
    survivor: Profile, orphan: Profile, groups: GroupKinds = UNDECLARED, version: int | None = None
) -> dict[str, Any]:
    """Return the record of a merge as a reader gets it from the database."""
    images = {
        "survivor_before": profile_to_snapshot(survivor, beside=orphan)
        | groups_to_snapshot(groups.of(survivor, orphan)),
        "orphan_before": profile_to_snapshot(orphan),
    }
    row: dict[str, Any] = orjson.loads(orjson.dumps(images))
    return {**row, "changes": None, "rules": version or versions.CURRENT, "merged_at": AT}


@pytest.mark.parametrize("most_entries", [0, snapshots.MOST_ENTRIES])
def test_computed_changes_equal_the_changes_of_the_merge(monkeypatch: pytest.MonkeyPatch, most_entries: int) -> None:
    # With 0, a snapshot keeps only the entries that the merge could change, as for survivors with thousands of entries.
    monkeypatch.setattr(snapshots, "MOST_ENTRIES", most_entries)

    @with_settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(profiles(1), profiles(2), DECLARED)
    def check(survivor: Profile, orphan: Profile, groups: GroupKinds) -> None:
        merged = merge_profiles(survivor=survivor, orphan=orphan, at=AT, groups=groups)
        changes = list_changes(before=survivor, after=merged, orphan=orphan)

        assert orjson.dumps(changes_of_record(recorded(survivor, orphan, groups))) == orjson.dumps(changes)

    check()


@pytest.mark.parametrize("record", orjson.loads(VERSION_1.read_bytes()))
def test_records_of_version_1_keep_their_changes(record: Mapping[str, Any]) -> None:
    """If this fails, a change of the rules needs a new version in app/merging/versions.py."""
    row = {**record, "changes": None, "rules": 1, "merged_at": datetime.fromisoformat(record["merged_at"])}

    assert orjson.dumps(changes_of_record(row)) == orjson.dumps(record["changes"])


def test_stored_changes_are_returned_unchanged() -> None:
    stored = [{"field": "first_name", "before": None, "after": "Ann", "rule": "of_a_former_version"}]

    assert changes_of_record({"changes": stored, "rules": None}) == stored


def test_addresses_are_compared_by_the_keys_at_the_time_of_the_merge() -> None:
    """A newer library may compute equal keys for both numbers. At the time of the merge the keys differed."""
    ours, theirs = PhoneNumber(number="030 1", e164="+49301"), PhoneNumber(number="030 1", e164="+49302")
    survivor = a_profile(id=1, phone=ours, subscription_groups={"g": "subscribed"})
    orphan = a_profile(id=2, phone=theirs, subscription_groups={"g": "unsubscribed"})

    assert changes_of_record(recorded(survivor, orphan)) == []


def test_an_unknown_version_of_the_rules_is_an_error() -> None:
    row = recorded(a_profile(id=1), a_profile(id=2), version=99)

    with pytest.raises(UnknownRulesError, match="Version 99 of the merge rules"):
        changes_of_record(row)
