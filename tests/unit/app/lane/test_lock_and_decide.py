"""Decides jobs in order. Each sees the results of earlier jobs. Deciding stops at a job that needs a new lookup."""

from datetime import timedelta

from app.config import Settings
from app.lane.lock_and_decide import ResolvedPair, decide_in_order, to_result
from app.lane.working_set import WorkingSet
from app.ledger.profile_ref import ProfileRef
from app.merging.prioritization import NoCandidate, Resolved
from app.merging.profile import Profile
from app.profiles.resolution import MergedAway, Resolution
from schemas.outcomes import JobKind
from tests.support.factories import Wire, a_profile, alias, by_email, ext
from tests.support.generated import AT
from tests.unit.app.lane.jobs import a_job

A, B, C = (a_profile(external_id=name, email=f"{name}@x.org", session_count=1) for name in "abc")


def pair(orphan: Wire, survivor: Wire, *resolved: Resolution | Profile, kind: JobKind = JobKind.MERGE) -> ResolvedPair:
    """Return a job with these resolutions from before the lane; a profile means that its identifier resolves to it."""
    resolutions = [Resolved(each.id) if isinstance(each, Profile) else each for each in resolved]
    return ResolvedPair(job=a_job(orphan, survivor, kind=kind), orphan=resolutions[0], survivor=resolutions[1])


def outcomes(*pairs: ResolvedPair, profiles: tuple[Profile, ...] = (A, B, C)) -> list[str]:
    """Return the outcomes of the decided pairs."""
    working_set = WorkingSet({profile.id: profile for profile in profiles})
    return [each.outcome for each in decide_in_order(pairs, working_set=working_set, now=AT, settings=Settings())]


def test_each_job_sees_the_results_of_earlier_jobs() -> None:
    assert outcomes(
        pair(ext("a"), ext("b"), A, B),
        pair(ext("b"), ext("c"), B, C),
        pair(ext("a"), ext("c"), A, C),
        pair(ext("c"), ext("a"), C, A),
    ) == ["merged", "merged", "already_merged", "same_profile"]


def test_deciding_stops_before_an_address_whose_profiles_changed() -> None:
    newest = by_email("B@x.org", "most_recently_updated")

    assert outcomes(pair(ext("a"), ext("b"), A, B), pair(newest, ext("c"), B, C), pair(ext("c"), ext("c"), C, C)) == [
        "merged"
    ]


def test_an_address_of_unchanged_profiles_does_not_stop_deciding() -> None:
    newest = by_email("c@x.org", "most_recently_updated")

    assert outcomes(pair(ext("a"), ext("b"), A, B), pair(newest, ext("b"), C, B)) == ["merged", "merged"]


def test_a_pair_that_is_not_merged_does_not_affect_later_pairs() -> None:
    newest = by_email("a@x.org", "most_recently_updated")

    assert outcomes(pair(ext("a"), ext("x"), A, NoCandidate()), pair(newest, ext("b"), A, B)) == [
        "survivor_not_found",
        "merged",
    ]


def test_later_jobs_see_an_external_id_that_a_job_assigned() -> None:
    guests = [a_profile(user_aliases={"mail": name}) for name in "gh"]

    assert outcomes(
        *(
            pair(alias("mail", name), ext("new"), guest, NoCandidate(), kind=JobKind.IDENTIFY)
            for name, guest in zip("gh", guests, strict=True)
        ),
        profiles=tuple(guests),
    ) == ["identified", "alias_conflict"]


def test_every_decision_has_its_own_time() -> None:
    pairs = [pair(ext("a"), ext("a"), A, A)] * 3

    decisions = decide_in_order(pairs, working_set=WorkingSet({A.id: A}), now=AT, settings=Settings())

    assert [decision.at - AT for decision in decisions] == [timedelta(microseconds=place) for place in range(3)]


def test_a_result_has_the_ids_of_both_profiles_and_of_a_merged_away_orphan() -> None:
    gone = MergedAway(orphan_id=99, braze_id="f" * 24, external_id="z", survivor_id=B.id)
    pairs = [
        pair(ext("a"), ext("b"), A, B),
        pair(ext("z"), ext("c"), gone, C),
        pair(ext("x"), ext("c"), NoCandidate(), C),
    ]

    decisions = decide_in_order(
        pairs, working_set=WorkingSet({each.id: each for each in (A, B, C)}), now=AT, settings=Settings()
    )

    profiles_of_results = [(each.orphan, each.survivor) for each in map(to_result, decisions)]
    a, b, c = (ProfileRef(id=each.id, braze_id=each.braze_id, external_id=each.external_id) for each in (A, B, C))
    assert profiles_of_results == [(a, b), (ProfileRef(id=99, braze_id="f" * 24, external_id="z"), c), (None, c)]
