"""Consent moves with the address in merge, identify, runs over duplicates and undo, on a real database."""

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from app.config import Settings
from app.db.connections import Pool
from app.db.transaction import Transaction
from app.merging import versions
from app.merging.changes import list_changes
from app.merging.profile import Profile
from app.merging.versions import RuleVersion
from app.profiles.store import save_profiles
from app.undo.recorded_rules import FORMER_RULES
from fuzz.lanes import Worker
from tests.integration.lane.running import deliver, merge_one
from tests.integration.lane.undoing import image, undo
from tests.support.duplicates import a_group, begin, take_steps
from tests.support.factories import Factory, Wire, alias, an_email, ext
from tests.support.postgres import make_database_url
from tests.support.recorded import store_changes

database_url = make_database_url(scope="module")

Fields = dict[str, Any]

MON, TUE = "2026-02-02T09:00:00.000Z", "2026-02-03T09:00:00.000Z"
IN = {"state": "opted_in", "opted_in_at": MON}
OUT = {"state": "unsubscribed", "unsubscribed_at": MON}
OUT_LATER = {"state": "unsubscribed", "unsubscribed_at": TUE}
PLAIN = {"state": "subscribed"}
SPAM = datetime(2026, 2, 2, 9, tzinfo=UTC)
ADDRESS, OTHER, MOBILE, HOME = "out@example.com", "i7@example.com", "+14155550199", "+14155550198"
HIDDEN = an_email("0x8f3a", encrypted=True)
DECLARED = {"sms_groups": frozenset({"sms-1"}), "email_groups": frozenset({"mail-1"})}
SUBSCRIBED, UNSUBSCRIBED = "subscribed", "unsubscribed"

#: The survivor, the orphan, and the survivor after the merge.
PAIRS: Mapping[str, tuple[Fields, Fields, Fields]] = {
    "opted in without an address": (
        {"email_subscription": IN},
        {"email": ADDRESS, "email_subscription": OUT},
        {"email_subscription": OUT},
    ),
    "nothing set": ({}, {"email": ADDRESS, "email_subscription": OUT}, {"email_subscription": OUT}),
    "explicitly subscribed": (
        {"email_subscription": PLAIN},
        {"email": ADDRESS, "email_subscription": OUT},
        {"email_subscription": OUT},
    ),
    "an SMS group of the phone that is taken": (
        {"subscription_groups": {"sms-1": SUBSCRIBED}},
        {"phone": MOBILE, "subscription_groups": {"sms-1": UNSUBSCRIBED}},
        {"subscription_groups": {"sms-1": UNSUBSCRIBED}},
    ),
    "the same address": (
        {"email": ADDRESS, "email_subscription": IN},
        {"email": "Out@Example.com", "email_subscription": OUT},
        {"email_subscription": OUT},
    ),
    "refusals of another address": (
        {"email": OTHER},
        {
            "email": ADDRESS,
            "email_subscription": OUT,
            "email_open_tracking_disabled": True,
            "marked_email_as_spam_at": SPAM,
        },
        {"email_subscription": None, "email_open_tracking_disabled": None, "marked_email_as_spam_at": None},
    ),
    "an opt-in of another address": (
        {"email": OTHER},
        {"email": ADDRESS, "email_subscription": IN},
        {"email_subscription": None},
    ),
    "an opt-in of an encrypted address": (
        {},
        {"email": HIDDEN, "email_subscription": IN},
        {"email_subscription": None},
    ),
    "tracking of the address that is taken": (
        {"email_open_tracking_disabled": False},
        {"email": ADDRESS, "email_open_tracking_disabled": True},
        {"email_open_tracking_disabled": True},
    ),
    "an SMS group of another phone": (
        {"phone": HOME},
        {"phone": MOBILE, "subscription_groups": {"sms-1": SUBSCRIBED}},
        {"subscription_groups": {}},
    ),
    "an email group beside a phone that is taken": (
        {"subscription_groups": {"mail-1": SUBSCRIBED}},
        {"phone": MOBILE, "subscription_groups": {"sms-1": SUBSCRIBED}},
        {"subscription_groups": {"mail-1": SUBSCRIBED, "sms-1": SUBSCRIBED}},
    ),
}


def a_pair(factory: Factory, ours: Fields, theirs: Fields) -> tuple[Wire, Wire, Profile]:
    """Write an orphan with an alias and a survivor with an external_id. Return their identifiers and the survivor."""
    survivor = factory.profile("survivor", **ours)
    factory.profile(user_aliases={"guest": "orphan"}, **theirs)
    return alias("guest", "orphan"), ext("survivor"), survivor


def load(factory: Factory, profile: Profile) -> Profile:
    found = factory.load(profile)
    assert found is not None
    return found


@pytest.mark.parametrize("kind", ["merge", "identify"])
@pytest.mark.parametrize("case", PAIRS)
def test_a_survivor_has_the_consent_of_its_address_and_an_undo_restores_both_profiles(
    pool: Pool, factory: Factory, case: str, kind: str
) -> None:
    ours, theirs, expected = PAIRS[case]
    orphan, keep, survivor = a_pair(factory, ours, theirs)
    before = image(factory)
    job_id = factory.job(orphan, keep, kind=kind)
    merge_by(pool, factory, job_id)
    merged = load(factory, survivor)
    (undone,) = undo(pool, factory, job_id, **DECLARED)

    assert {field: getattr(merged, field) for field in expected} == expected
    assert (undone["outcome"], undone["not_restored"]) == ("undone", [])
    assert image(factory) == before


def merge_by(pool: Pool, factory: Factory, job_id: UUID, **settings: Any) -> None:
    """Run the job, which must merge."""
    deliver(pool, factory, [job_id], **(settings or DECLARED))
    assert factory.row(job_id)["outcome"] == "merged", factory.row(job_id)["reason"]


def test_a_run_over_duplicates_keeps_the_opt_out_of_their_address(pool: Pool, factory: Factory) -> None:
    (orphan,) = a_group(factory, ADDRESS, 1, email_subscription=OUT_LATER)
    (keeper,) = a_group(factory, ADDRESS, 0, external_id="ada", email_subscription=IN)
    begin(pool, factory)
    take_steps(pool, factory)
    Worker(pool, Settings()).work()

    assert factory.load(orphan) is None
    assert load(factory, keeper).email_subscription == OUT_LATER


def test_an_identified_profile_keeps_its_own_consent(pool: Pool, factory: Factory) -> None:
    profile = factory.profile(user_aliases={"guest": "me"}, email_subscription=IN)
    row = merge_one(pool, factory, alias("guest", "me"), ext("new"), kind="identify")

    assert row["outcome"] == "identified"
    assert load(factory, profile).email_subscription == IN


def test_a_merge_does_not_change_other_profiles_with_the_address(pool: Pool, factory: Factory) -> None:
    other = factory.profile("other", email=ADDRESS, email_subscription=IN)
    orphan, keep, _ = a_pair(factory, {}, {"email": ADDRESS, "email_subscription": OUT})

    assert merge_one(pool, factory, orphan, keep)["outcome"] == "merged"
    assert factory.load(other) == other


@pytest.mark.parametrize("first", ["a", "b"])
def test_an_opt_out_reaches_the_end_of_a_chain_in_any_order(pool: Pool, factory: Factory, first: str) -> None:
    factory.profile("a", email=ADDRESS, email_subscription=OUT)
    factory.profile("b", email=ADDRESS, email_subscription=IN)
    last = factory.profile("c", email_subscription=IN)
    chain = {"a": (ext("a"), ext("b")), "b": (ext("b"), ext("c"))}
    for each in (first, *(chain.keys() - {first})):
        assert merge_one(pool, factory, *chain[each])["outcome"] == "merged"

    assert load(factory, last).email_subscription == OUT


@pytest.mark.parametrize(
    ("field", "written"),
    [
        ("email_subscription", {"state": "opted_in", "opted_in_at": TUE}),
        ("subscription_groups", {"sms-1": SUBSCRIBED}),
        ("email_open_tracking_disabled", False),
        ("marked_email_as_spam_at", None),
    ],
)
def test_an_undo_keeps_values_written_since_the_merge(pool: Pool, factory: Factory, field: str, written: Any) -> None:
    refused = {
        "email_subscription": OUT,
        "subscription_groups": {"sms-1": UNSUBSCRIBED},
        "email_open_tracking_disabled": True,
        "marked_email_as_spam_at": SPAM,
    }
    orphan, keep, survivor = a_pair(factory, {}, {"email": ADDRESS, "phone": MOBILE, **refused})
    job_id = factory.job(orphan, keep)
    merge_by(pool, factory, job_id)
    write(factory, survivor, **{field: written})
    undo(pool, factory, job_id, **DECLARED)

    left = load(factory, survivor)
    others = {name: getattr(survivor, name) for name in refused if name != field}
    assert getattr(left, field) == written
    assert {name: getattr(left, name) for name in others} == others


def write(factory: Factory, profile: Profile, **fields: Any) -> None:
    """Set *fields* of the stored profile."""
    tx = Transaction(factory.connection, factory.workspace_id)
    save_profiles(tx, [dataclasses.replace(load(factory, profile), **fields)])


def test_an_opt_out_since_the_merge_applies_to_both_profiles_after_the_undo(pool: Pool, factory: Factory) -> None:
    theirs = {"email": ADDRESS, "email_subscription": IN, "subscription_groups": {"mail-1": SUBSCRIBED}}
    orphan, keep, survivor = a_pair(factory, {"email": ADDRESS}, theirs)
    job_id = factory.job(orphan, keep)
    merge_by(pool, factory, job_id)
    write(factory, survivor, email_subscription=OUT_LATER, subscription_groups={"mail-1": UNSUBSCRIBED})
    (undone,) = undo(pool, factory, job_id, **DECLARED)

    restored = load(factory, factory.row(job_id)["orphan_id"])
    for profile in (restored, load(factory, survivor)):
        assert profile.email_subscription == OUT_LATER
        assert profile.subscription_groups == {"mail-1": UNSUBSCRIBED}
    assert "opt-outs" in undone["reason"]


def test_an_undo_keeps_the_opt_out_of_a_later_orphan_with_the_same_address(pool: Pool, factory: Factory) -> None:
    survivor = factory.profile("survivor", email=ADDRESS, email_subscription=IN)
    jobs = []
    for name, state in (("one", OUT_LATER), ("two", OUT)):
        factory.profile(name, email=ADDRESS, email_subscription=state)
        jobs.append(factory.job(ext(name), ext("survivor")))
        merge_by(pool, factory, jobs[-1])
    states = [load(factory, survivor).email_subscription]
    for job_id in jobs:
        undo(pool, factory, job_id)
        states.append(load(factory, survivor).email_subscription)

    assert states == [OUT_LATER, OUT, IN]


@pytest.mark.parametrize("now", [{}, {"email_groups": frozenset({"sms-1"})}])
def test_a_merge_is_undone_after_a_change_of_the_declared_groups(
    pool: Pool, factory: Factory, now: dict[str, Any]
) -> None:
    theirs = {"email": HIDDEN, "phone": MOBILE, "subscription_groups": {"sms-1": SUBSCRIBED}}
    orphan, keep, survivor = a_pair(factory, {}, theirs)
    before = image(factory)
    job_id = factory.job(orphan, keep)
    merge_by(pool, factory, job_id)
    merged = load(factory, survivor)
    (undone,) = undo(pool, factory, job_id, **now)

    assert merged.subscription_groups == {"sms-1": SUBSCRIBED}
    assert undone["outcome"] == "undone", undone["reason"]
    assert image(factory) == before


def test_a_merge_by_the_former_rules_is_undone(pool: Pool, factory: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The former rules filled each field separately."""
    theirs = {"email": ADDRESS, "email_subscription": OUT, "subscription_groups": {"g": SUBSCRIBED}}
    orphan, keep, survivor = a_pair(factory, {"email": OTHER}, theirs)
    before = image(factory)
    job_id = factory.job(orphan, keep)
    former = RuleVersion(pair_rules=lambda **_: FORMER_RULES, list_changes=partial(list_changes, rules=FORMER_RULES))
    with monkeypatch.context() as patch:
        patch.setitem(versions.VERSIONS, versions.CURRENT, former)
        merge_by(pool, factory, job_id)
        store_changes(factory, job_id)
    merged = load(factory, survivor)
    (undone,) = undo(pool, factory, job_id)

    assert merged.email_subscription == OUT
    assert undone["outcome"] == "undone", undone["reason"]
    assert image(factory) == before
