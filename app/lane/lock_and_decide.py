"""Jobs settled in memory: resolved, their profiles locked, resolved again, and decided in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from app.config import Settings
from app.db.transaction import Deferred, Transaction
from app.lane.decide import Decision, decide
from app.lane.working_set import Hand
from app.ledger.execution import Finished, Party, Work
from app.merging.prioritization import Denoted
from app.merging.profile import Profile
from app.profiles.locking import lock_profiles_deferred
from app.profiles.resolution import MergedAway, Resolution, resolve_identifiers_deferred
from schemas.identifiers import Email, ExternalId, Member, Phone, Recorded, UserAlias


@dataclass(frozen=True, slots=True)
class Pair:
    """A job with what its two identifiers denote."""

    job: Work
    orphan: Resolution
    survivor: Resolution


def look(tx: Transaction, *, jobs: Sequence[Work]) -> Deferred[list[Pair]]:
    """Ask what the identifiers of *jobs* denote now; return how to get the jobs with the answers."""
    identifiers = [identifier for job in jobs for identifier in (job.orphan, job.survivor)]
    resolved = resolve_identifiers_deferred(tx, identifiers=identifiers)
    return resolved.map(lambda answers: [Pair(*each) for each in zip(jobs, answers[::2], answers[1::2], strict=True)])


def settle(tx: Transaction, settings: Settings, *, pairs: Sequence[Pair]) -> tuple[Hand, list[Decision]]:
    """Decide the first of *pairs*, as many as can be in order; return the profiles in hand and the decisions.

    Their profiles are locked until the caller's transaction ends, and nothing is written. No decision at all means
    that the first job's profiles changed between look and lock: the transaction must end, and another try.
    """
    locked = lock_profiles_deferred(tx, ids=_denoted(pairs))
    clock = tx.defer_now()
    profiles = locked.result()
    # What was resolved may have changed before the locks were had. Where the locked profiles do not show by themselves
    # that it still holds, it is resolved again, and compared.
    doubtful = [pair.job for pair in pairs if not _is_confirmed(pair, profiles)]
    again = look(tx, jobs=doubtful).result() if doubtful else []
    hand = Hand(profiles)
    return hand, decide_in_order(_agreeing(pairs, again), hand=hand, now=clock.result(), settings=settings)


def decide_in_order(pairs: Sequence[Pair], *, hand: Hand, now: datetime, settings: Settings) -> list[Decision]:
    """Decide *pairs* in order, each seeing what those before it did; stop before one that must be looked up again.

    *hand* takes in what the merges do. Each decision has a time of its own, a microsecond apart, so that two survivors
    of one lane never tie.
    """
    decisions: list[Decision] = []
    for place, pair in enumerate(pairs):
        if hand.is_stale(pair.job.orphan) or hand.is_stale(pair.job.survivor):
            break
        decision = decide(
            pair.job,
            orphan=hand.follow(pair.job.orphan, pair.orphan),
            survivor=hand.follow(pair.job.survivor, pair.survivor),
            hand=hand,
            at=now + timedelta(microseconds=place),
            settings=settings,
        )
        if decision.merged and decision.orphan:
            hand.absorb(merged=decision.merged, orphan=decision.orphan)
        if decision.identified:
            hand.identify(decision.identified)
        decisions.append(decision)
    return decisions


def _is_confirmed(pair: Pair, profiles: Mapping[int, Profile]) -> bool:
    """Return whether the locked *profiles* show that both sides of *pair* still denote what they did."""
    sides = ((pair.job.orphan, pair.orphan), (pair.job.survivor, pair.survivor))
    return all(_has(profiles, identifier, resolved) for identifier, resolved in sides)


def _has(profiles: Mapping[int, Profile], identifier: Recorded, resolved: Resolution) -> bool:
    """Return whether the profile that *identifier* was *resolved* to is among *profiles* and has it.

    Nobody else can have an external_id or an alias then. Of an address that says nothing, since others may share it.
    """
    profile = profiles.get(resolved.id) if isinstance(resolved, Denoted) else None
    if profile is None:
        return False
    match identifier:
        case ExternalId(value):
            return profile.external_id == value
        case UserAlias(label, name):
            return profile.user_aliases.get(label) == name
        case Member(braze_id):
            return profile.braze_id == braze_id
        case Email() | Phone():
            return False


def _agreeing(seen: Sequence[Pair], again: Sequence[Pair]) -> list[Pair]:
    """Return the pairs *seen* up to the first that was looked at *again* and resolved to something else."""
    now = {pair.job.id: pair for pair in again}
    return list(takewhile(lambda pair: now.get(pair.job.id, pair) == pair, seen))


def _denoted(pairs: Sequence[Pair]) -> set[int]:
    """Return the ids of all profiles that *pairs* lead to, those behind redirects too."""
    found: set[int] = set()
    for resolved in (side for pair in pairs for side in (pair.orphan, pair.survivor)):
        if isinstance(resolved, Denoted):
            found.add(resolved.id)
        elif isinstance(resolved, MergedAway):
            found.add(resolved.survivor_id)
    return found


def finished(decision: Decision) -> Finished:
    """Return what the ledger records of *decision*: its parties are named as they were before it."""
    return Finished(
        job_id=decision.job.id,
        outcome=decision.outcome,
        reason=decision.reason,
        orphan=_party(decision.merged_away or decision.orphan),
        survivor=_party(decision.survivor),
    )


def _party(profile: Profile | MergedAway | None) -> Party | None:
    """Return how the ledger names *profile*."""
    if profile is None:
        return None
    profile_id = profile.id if isinstance(profile, Profile) else profile.orphan_id
    return Party(id=profile_id, braze_id=profile.braze_id, external_id=profile.external_id)
