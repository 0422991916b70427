"""Two profiles with a value in every field go through merge and through identify, and every field is compared.

The expected values are worked out here, without the rules of `app.merging`.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as with_settings

from app.db.connections import Pool
from app.merging.profile import Profile
from tests.integration.lane.running import merge_all
from tests.integration.lane.undoing import image, undo
from tests.support.factories import Factory, alias, ext
from tests.support.generated import profiles
from tests.support.postgres import make_database_url

database_url = make_database_url(scope="module")

thoroughly = with_settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
Combine = Callable[[Any, Any], Any]

#: Fields that a merge does not change, or sets without the rules.
OWN = {
    *("workspace_id", "id", "braze_id", "created_at", "updated_at", "random_bucket", "control_group"),
    *("marked_for_deletion_at", "absorbed_on", "absorbed_count"),
    *("alias_origins", "email_origin_id", "phone_origin_id"),
}


def kept(ours: Any, theirs: Any) -> Any:
    return theirs if ours is None else ours


def both(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    return {**theirs, **ours}


def summary(**parts: Combine) -> Combine:
    """Return a function that combines two summaries: entries of both sides by *parts*, other parts as `kept`."""

    def of_entries(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
        shared = {part: parts.get(part, kept)(ours[part], theirs[part]) for part in ours.keys() & theirs.keys()}
        return {**theirs, **ours, **shared}

    def of_summaries(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
        shared = {key: of_entries(ours[key], theirs[key]) for key in ours.keys() & theirs.keys()}
        return {**theirs, **ours, **shared}

    return of_summaries


def latest_of_each(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    return {**theirs, **ours, **{key: max(ours[key], theirs[key]) for key in ours.keys() & theirs.keys()}}


def total(ours: int, theirs: int) -> int:
    return ours + theirs


def either(ours: bool, theirs: bool) -> bool:
    return ours or theirs


COUNTED = summary(count=total, first=min, last=max)
#: Field → function that combines the values of survivor and orphan, if it is not `kept`.
COMBINED: dict[str, Combine] = {
    "user_aliases": both,
    "test_user": either,
    "push_tokens": both,
    "devices": both,
    "custom_attributes": both,
    "session_count": total,
    "purchase_count": total,
    "revenue_cents": total,
    "first_session_at": min,
    "first_purchase_at": min,
    "last_session_at": max,
    "last_purchase_at": max,
    "apps": summary(sessions=total, first_used=min, last_used=max),
    "custom_events": COUNTED,
    "purchases": COUNTED,
    "campaigns_received": summary(last_received=max, engaged=both, converted=either),
    "canvases_received": summary(
        last_received_message=max,
        last_entered=max,
        last_exited=max,
        engaged=both,
        converted=either,
        steps_received=summary(last_received=max),
    ),
    "last_interactions": latest_of_each,
}
PHONES = {"orphan": "+1 (415) 555-0123", "survivor": "+14155550124"}
FIELDS = [field.name for field in dataclasses.fields(Profile) if field.name not in OWN]


#: States of an email subscription in ascending precedence, with the keys of their dates.
STATES = {"subscribed": "", "opted_in": "opted_in_at", "unsubscribed": "unsubscribed_at"}
EMAIL_CONSENT = (
    "email_subscription",
    "email_open_tracking_disabled",
    "email_click_tracking_disabled",
    "marked_email_as_spam_at",
)


def strength(subscription: Mapping[str, Any]) -> tuple[int, str]:
    state = subscription["state"]
    return list(STATES).index(state), subscription.get(STATES[state], "")


def consented(survivor: Profile, orphan: Profile) -> dict[str, Any]:
    """Return the consent of a survivor with addresses; the phone of *orphan* is another, its email may be the same."""
    assert survivor.email
    assert orphan.email
    if survivor.email.key != orphan.email.key:
        return {field: getattr(survivor, field) for field in (*EMAIL_CONSENT, "subscription_groups")}
    refused = {group: state for group, state in orphan.subscription_groups.items() if state == "unsubscribed"}
    sides = (survivor, orphan)
    return {
        "email_subscription": max((each.email_subscription or {} for each in sides), key=strength),
        "email_open_tracking_disabled": any(each.email_open_tracking_disabled for each in sides),
        "email_click_tracking_disabled": any(each.email_click_tracking_disabled for each in sides),
        "marked_email_as_spam_at": max(each.marked_email_as_spam_at for each in sides if each.marked_email_as_spam_at),
        # Another phone number of the orphan is not taken, and an opt-in may be one of that.
        "subscription_groups": {**survivor.subscription_groups, **refused},
    }


def written(factory: Factory, life: Profile, role: str, external_id: str | None = None) -> Profile:
    """Write *life* with *external_id* and an alias of its *role*, and with aliases that no other has; return it."""
    values = {field.name: getattr(life, field.name) for field in dataclasses.fields(Profile)}
    for name in ("workspace_id", "id", "braze_id", "absorbed_on", "absorbed_count"):
        del values[name]
    aliases = {f"{role}-{label}": f"{role}-{name}" for label, name in life.user_aliases.items()} | {role: role}
    # Two numbers without an E.164 form would stop the merge.
    fields = {"user_aliases": aliases, "external_id": external_id, "phone": PHONES[role]}
    return factory.profile(**{**values, **fields})


def run_job(pool: Pool, factory: Factory, kind: str) -> dict[str, Any]:
    """Merge the orphan into the survivor by a job of *kind*, and return its row."""
    (row,) = merge_all(pool, factory, (alias("orphan", "orphan"), ext("survivor")), kind=kind)
    return row


@pytest.mark.parametrize("kind", ["merge", "identify"])
@given(profiles(full=True), profiles(full=True))
@thoroughly
def test_every_field_of_two_full_profiles_is_combined_and_the_undo_restores_both(
    pool: Pool, factory: Factory, kind: str, one: Profile, other: Profile
) -> None:
    workspace = Factory(factory.connection)
    orphan, survivor = written(workspace, one, "orphan"), written(workspace, other, "survivor", "survivor")
    before = image(workspace)
    job = run_job(pool, workspace, kind)
    merged = workspace.load(survivor)
    (undone,) = undo(pool, workspace, job["id"])
    expected = {field: COMBINED.get(field, kept)(getattr(survivor, field), getattr(orphan, field)) for field in FIELDS}
    expected |= consented(survivor, orphan)

    assert job["outcome"] == "merged", job["reason"]
    assert {field: getattr(merged, field) for field in FIELDS} == expected
    assert (undone["outcome"], undone["not_restored"]) == ("undone", [])
    assert image(workspace) == before


@pytest.mark.parametrize("kind", ["merge", "identify"])
@given(profiles(full=True))
@thoroughly
def test_an_empty_survivor_gets_every_field_of_a_full_orphan(
    pool: Pool, factory: Factory, kind: str, life: Profile
) -> None:
    workspace = Factory(factory.connection)
    survivor = workspace.profile("survivor")
    orphan = written(workspace, life, "orphan")
    before = image(workspace)
    job = run_job(pool, workspace, kind)
    merged = workspace.load(survivor)
    (undone,) = undo(pool, workspace, job["id"])
    expected = {field: getattr(orphan, field) for field in FIELDS} | {"external_id": "survivor"}
    if orphan.email and orphan.email.encrypted:
        groups = {group: state for group, state in orphan.subscription_groups.items() if state == "unsubscribed"}
        expected |= {"email": None, **dict.fromkeys(EMAIL_CONSENT), "subscription_groups": groups}

    assert job["outcome"] == "merged", job["reason"]
    assert {field: getattr(merged, field) for field in FIELDS} == expected
    assert undone["outcome"] == "undone"
    assert image(workspace) == before
