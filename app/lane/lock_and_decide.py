"""Resolve jobs, lock their profiles, check the resolutions under the locks, and decide the jobs in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from app.config import Settings
from app.db.transaction import Deferred, Transaction
from app.lane.decide import Decision, decide
from app.lane.planned import PlanChecks
from app.lane.working_set import WorkingSet
from app.ledger.execution import ClaimedJob, JobResult
from app.ledger.profile_ref import ProfileRef
from app.ledger.search import held_keys
from app.merging.prioritization import Resolved
from app.merging.profile import Profile
from app.profiles.exclusions import find_excluded_pairs
from app.profiles.locking import lock_profiles_deferred
from app.profiles.resolution import Inherited, MergedAway, Resolution, resolve_identifiers_deferred
from schemas.identifiers import Email, ExternalId, Member, Phone, Recorded, UserAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedPair:
    """A job with the resolutions of its two identifiers."""

    job: ClaimedJob
    orphan: Resolution
    survivor: Resolution


def resolve_pairs(tx: Transaction, *, jobs: Sequence[ClaimedJob]) -> Deferred[list[ResolvedPair]]:
    """Request the resolution of both identifiers of each of *jobs*; the result is in their order."""
    identifiers = [identifier for job in jobs for identifier in (job.orphan, job.survivor)]
    resolved = resolve_identifiers_deferred(tx, identifiers=identifiers)
    return resolved.map(lambda resolutions: pair_jobs(jobs, resolutions))


def pair_jobs(jobs: Sequence[ClaimedJob], resolutions: Sequence[Resolution]) -> list[ResolvedPair]:
    """Return *jobs* with the *resolutions* of their identifiers: two for each job, that of the orphan first."""
    return [
        ResolvedPair(job=job, orphan=orphan, survivor=survivor)
        for job, orphan, survivor in zip(jobs, resolutions[::2], resolutions[1::2], strict=True)
    ]


def lock_and_decide(
    tx: Transaction, settings: Settings, *, pairs: Sequence[ResolvedPair], checks: PlanChecks | None = None
) -> tuple[WorkingSet, list[Decision]]:
    """Decide the first of *pairs*, as many as possible in order; return the working set and the decisions.

    The profiles stay locked until the transaction ends. Nothing is written. Without any decision, the profiles of the
    first job changed before they were locked: end the transaction and try again in a new one. *checks* are those of
    jobs of applied plans.
    """
    locked = lock_profiles_deferred(tx, ids=_profile_ids(pairs))
    clock = tx.defer_now()
    profiles = locked.result()
    # A profile may have changed before its lock was granted. Where the locked profiles do not prove that the
    # resolution still holds, resolve again and compare.
    doubtful = [pair.job for pair in pairs if not _is_confirmed(pair, profiles)]
    again = resolve_pairs(tx, jobs=doubtful).result() if doubtful else []
    # Only for jobs of duplicate runs. Who records a pair locks its profiles, so no new one can appear now.
    excluded = find_excluded_pairs(
        tx, ids=_profile_ids([pair for pair in pairs if isinstance(pair.job.orphan, Member)])
    )
    working_set = WorkingSet(profiles, excluded=excluded)
    unchanged = _until_first_change(pairs, again)
    return working_set, decide_in_order(
        unchanged, working_set=working_set, now=clock.result(), settings=settings, checks=checks
    )


def decide_in_order(
    pairs: Sequence[ResolvedPair],
    *,
    working_set: WorkingSet,
    now: datetime,
    settings: Settings,
    checks: PlanChecks | None = None,
) -> list[Decision]:
    """Decide *pairs* in order and apply each merge to *working_set*, so that the next job sees it.

    Stop before a pair that the database must resolve again. The decisions are one microsecond apart, so that two
    survivors of one lane never have the same update time.
    """
    decisions: list[Decision] = []
    for place, pair in enumerate(pairs):
        if working_set.is_stale(pair.job.orphan) or working_set.is_stale(pair.job.survivor):
            break
        decision = decide(
            pair.job,
            orphan=working_set.reresolve(pair.job.orphan, pair.orphan),
            survivor=working_set.reresolve(pair.job.survivor, pair.survivor),
            working_set=working_set,
            at=now + timedelta(microseconds=place),
            settings=settings,
        )
        if checks is not None:
            decision = checks.check(decision)
        if decision.merged and decision.orphan:
            working_set.apply_merge(merged=decision.merged, orphan=decision.orphan)
        if decision.identified:
            working_set.apply_identify(decision.identified)
        decisions.append(decision)
    return decisions


def _is_confirmed(pair: ResolvedPair, profiles: Mapping[int, Profile]) -> bool:
    """Return whether the locked *profiles* prove that both resolutions of *pair* still hold."""
    sides = ((pair.job.orphan, pair.orphan), (pair.job.survivor, pair.survivor))
    return all(_has_identifier(profiles, identifier, resolution) for identifier, resolution in sides)


def _has_identifier(profiles: Mapping[int, Profile], identifier: Recorded, resolution: Resolution) -> bool:
    """Return whether the profile of *resolution* is locked and has *identifier*.

    External_ids and aliases are unique, so that is proof for them. It is no proof for an address, which other profiles
    may share.
    """
    profile = profiles.get(resolution.id) if isinstance(resolution, Resolved) else None
    if profile is None:
        return False
    match identifier:
        case ExternalId(value):
            return profile.external_id == value
        case UserAlias(label, name):
            has_origin = label in profile.alias_origins
            return profile.user_aliases.get(label) == name and has_origin == isinstance(resolution, Inherited)
        case Member(braze_id):
            return profile.braze_id == braze_id
        case Email() | Phone():
            return False


def _until_first_change(pairs: Sequence[ResolvedPair], again: Sequence[ResolvedPair]) -> list[ResolvedPair]:
    """Return *pairs* up to the first that was resolved *again* with another result."""
    now = {pair.job.id: pair for pair in again}
    return list(takewhile(lambda pair: now.get(pair.job.id, pair) == pair, pairs))


def _profile_ids(pairs: Sequence[ResolvedPair]) -> set[int]:
    """Return the ids of all live profiles of *pairs*, the survivors of merged-away ones included."""
    ids: set[int] = set()
    for resolution in (side for pair in pairs for side in (pair.orphan, pair.survivor)):
        if isinstance(resolution, Resolved):
            ids.add(resolution.id)
        elif isinstance(resolution, MergedAway):
            ids.add(resolution.survivor_id)
    return ids


def to_result(decision: Decision, *, searchable: bool = True) -> JobResult:
    """Return the ledger's record of *decision*. Its profiles have their external_ids from before the merge.

    The search for jobs needs the keys of identifiers, which take time: without them, it is not *searchable*.
    """
    return JobResult(
        job_id=decision.job.id,
        outcome=decision.outcome,
        reason=decision.reason,
        orphan=_profile_ref(decision.merged_away or decision.orphan),
        survivor=_profile_ref(decision.survivor),
        held_keys=_held_keys(decision) if searchable else (),
    )


def _held_keys(decision: Decision) -> Sequence[str]:
    if decision.orphan is None or not (decision.merged or decision.identified):
        return ()
    return held_keys(decision.orphan, named=decision.job.orphan)


def _profile_ref(profile: Profile | MergedAway | None) -> ProfileRef | None:
    if profile is None:
        return None
    profile_id = profile.id if isinstance(profile, Profile) else profile.orphan_id
    return ProfileRef(id=profile_id, braze_id=profile.braze_id, external_id=profile.external_id)
