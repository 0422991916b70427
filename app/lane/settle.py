"""Jobs settled in memory: resolved, their profiles locked, resolved again, and decided in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.config import Settings
from app.db import Connection
from app.errors import DatabaseUnavailable
from app.lane.decide import Decision, decide
from app.lane.hand import Hand
from app.lane.save import QUERIES
from app.ledger.work import Finished, Party, Work
from app.merging.prioritization import Denoted
from app.merging.profile import Profile
from app.profiles.locking import lock
from app.profiles.resolution import MergedAway, Resolved, resolve


@dataclass(frozen=True, slots=True)
class Pair:
    """A job with what its two identifiers denote."""

    job: Work
    orphan: Resolved
    survivor: Resolved


def settle(
    connection: Connection, settings: Settings, *, workspace_id: int, jobs: Sequence[Work]
) -> tuple[Hand, list[Decision]]:
    """Decide the first of *jobs*, as many as can be in order; return the profiles in hand and the decisions.

    Their profiles are locked until the caller's transaction ends, and nothing is written. No decision at all means
    that the first job's profiles changed between look and lock: the transaction must end, and another try.
    """
    seen = _resolve(connection, workspace_id, jobs)
    hand = Hand(lock(connection, workspace_id=workspace_id, ids=_denoted(seen)))
    # What was resolved may have changed before the locks were had: it is resolved again under them, and compared.
    pairs = _agreeing(seen, _resolve(connection, workspace_id, jobs))
    return hand, decide_in_order(pairs, hand=hand, now=_now(connection), settings=settings)


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


def _resolve(connection: Connection, workspace_id: int, jobs: Sequence[Work]) -> list[Pair]:
    """Return *jobs* with what their identifiers denote now."""
    identifiers = [identifier for job in jobs for identifier in (job.orphan, job.survivor)]
    resolved = resolve(connection, workspace_id=workspace_id, identifiers=identifiers)
    return [Pair(*each) for each in zip(jobs, resolved[::2], resolved[1::2], strict=True)]


def _agreeing(seen: Sequence[Pair], again: Sequence[Pair]) -> list[Pair]:
    """Return the pairs up to the first whose resolution changed between the two looks."""
    for place, (first, second) in enumerate(zip(seen, again, strict=True)):
        if first != second:
            return list(seen[:place])
    return list(seen)


def _denoted(pairs: Sequence[Pair]) -> set[int]:
    """Return the ids of all profiles that *pairs* lead to, those behind redirects too."""
    found: set[int] = set()
    for resolved in (side for pair in pairs for side in (pair.orphan, pair.survivor)):
        if isinstance(resolved, Denoted):
            found.add(resolved.id)
        elif isinstance(resolved, MergedAway):
            found.add(resolved.survivor_id)
    return found


def _now(connection: Connection) -> datetime:
    """Return the time by the database's clock."""
    row = connection.execute(QUERIES["the_time"]).fetchone()
    if row is None:
        raise DatabaseUnavailable("PostgreSQL does not tell the time; try again in a few seconds.")
    moment: datetime = row["now"]
    return moment


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
