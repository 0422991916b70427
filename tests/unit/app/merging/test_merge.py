"""The merge of two whole profiles, and the guards that can refuse it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from app.merging.merge import check_merge, check_protection, identify_profile, merge_profiles
from app.merging.profile import Profile
from schemas.outcomes import Outcome
from tests.support.factories import a_profile
from tests.support.generated import AT

LAST_SECOND = datetime(2026, 3, 1, 23, 59, 59, 999999, tzinfo=UTC)


def guarded(survivor: Profile, orphan: Profile, *, limit: int = 10, at: datetime = AT) -> tuple[Outcome, str] | None:
    return check_merge(survivor=survivor, orphan=orphan, at=at, survivor_limit=limit)


def test_a_merge_updates_the_survivor() -> None:
    merged = merge_profiles(survivor=a_profile(), orphan=a_profile(), at=AT)

    assert merged.updated_at == AT
    assert (merged.absorbed_on, merged.absorbed_count) == (AT.date(), 1)


def test_orphans_are_counted_within_one_day() -> None:
    once = merge_profiles(survivor=a_profile(), orphan=a_profile(), at=LAST_SECOND)
    twice = merge_profiles(survivor=once, orphan=a_profile(), at=LAST_SECOND)
    next_day = merge_profiles(survivor=twice, orphan=a_profile(), at=LAST_SECOND + timedelta(microseconds=1))

    assert (twice.absorbed_on, twice.absorbed_count) == (date(2026, 3, 1), 2)
    assert (next_day.absorbed_on, next_day.absorbed_count) == (date(2026, 3, 2), 1)


def test_orphans_of_the_orphan_do_not_count_for_the_survivor() -> None:
    orphan = a_profile(absorbed_on=AT.date(), absorbed_count=500)

    assert merge_profiles(survivor=a_profile(), orphan=orphan, at=AT).absorbed_count == 1


def test_survivor_and_orphan_are_keyword_arguments() -> None:
    with pytest.raises(TypeError):
        merge_profiles(a_profile(), a_profile(), at=AT)  # type: ignore[call-arg]


def test_two_ordinary_profiles_may_be_merged() -> None:
    assert guarded(a_profile(), a_profile()) is None


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"control_group": True}, "is in the control group"),
        ({"marked_for_deletion_at": AT}, "is marked for deletion"),
    ],
)
@pytest.mark.parametrize("role", ["orphan", "survivor"])
def test_a_protected_profile_is_not_merged_whatever_its_role(role: str, fields: dict[str, Any], reason: str) -> None:
    profiles = {"orphan": a_profile(), "survivor": a_profile(), role: a_profile(**fields)}

    found = guarded(profiles["survivor"], profiles["orphan"])

    assert found is not None
    assert found[0] == Outcome.PROTECTED
    assert found[1].startswith(f"The {role} {reason}")


@pytest.mark.parametrize(
    ("ours", "theirs", "refused"),
    [
        ("0123", "nonsense", True),
        ("0123", "0123", True),
        ("", "", True),
        ("+14155550123", "0123", False),
        ("0123", "+14155550123", False),
        ("0123", None, False),
        (None, "0123", False),
        (None, None, False),
    ],
)
def test_two_invalid_phones_prevent_a_merge_and_one_does_not(
    ours: str | None,
    theirs: str | None,
    refused: bool,
) -> None:
    found = guarded(a_profile(phone=ours), a_profile(phone=theirs))

    assert (found is not None and found[0] == Outcome.INVALID_PHONES) is refused


@pytest.mark.parametrize(("absorbed", "refused"), [(9, False), (10, True), (11, True)])
def test_a_survivor_absorbs_a_limited_number_of_orphans_per_day(absorbed: int, refused: bool) -> None:
    survivor = a_profile(absorbed_on=AT.date(), absorbed_count=absorbed)

    found = guarded(survivor, a_profile(), limit=10)

    assert (found is not None and found[0] == Outcome.SURVIVOR_LIMIT) is refused


def test_the_limit_starts_again_with_the_next_utc_day() -> None:
    full = a_profile(absorbed_on=LAST_SECOND.date(), absorbed_count=10)

    assert guarded(full, a_profile(), at=LAST_SECOND) is not None
    assert guarded(full, a_profile(), at=LAST_SECOND + timedelta(microseconds=1)) is None


def test_an_orphan_at_its_own_limit_may_be_merged() -> None:
    assert guarded(a_profile(), a_profile(absorbed_on=AT.date(), absorbed_count=10)) is None


def test_the_first_guard_that_applies_gives_the_outcome() -> None:
    everything: dict[str, Any] = {"phone": "0123", "absorbed_on": AT.date(), "absorbed_count": 10}
    protected = a_profile(control_group=True, **everything)
    invalid = a_profile(**everything)

    found = [guarded(survivor, a_profile(phone="0123")) for survivor in (protected, invalid)]

    assert [each and each[0] for each in found] == [Outcome.PROTECTED, Outcome.INVALID_PHONES]


def test_a_profile_is_identified_by_its_new_external_id() -> None:
    profile = a_profile(email="a@x.org")

    assert identify_profile(profile, external_id="ann", at=AT) == replace(profile, external_id="ann", updated_at=AT)


def test_a_profile_is_not_identified_while_it_is_protected() -> None:
    guards = [check_protection(a_profile(control_group=True)), check_protection(a_profile(marked_for_deletion_at=AT))]

    assert [each and each[0] for each in guards] == [Outcome.PROTECTED] * 2
    assert check_protection(a_profile()) is None
