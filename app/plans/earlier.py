"""Repeats the earlier merges of a plan in the transaction of a preview, so that the next page sees them.

Only the merges that are connected with the profiles of the page are repeated, so that a page costs the same for any
number of updates before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from app.config import Settings
from app.db.ids import new_id
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.lane.decide import Decision
from app.lane.save import save_effects
from app.lane.working_set import WorkingSet
from app.ledger.execution import ClaimedJob
from app.merging.consent_states import GroupKinds
from app.merging.merge import merge_profiles
from app.merging.prioritization import Resolved
from app.profiles.locking import lock_profiles
from app.profiles.resolution import MergedAway, Resolution, resolve_identifiers
from schemas.identifiers import Email, Phone, Recorded
from schemas.outcomes import JobKind, Outcome

QUERIES = load_queries("app.plans", "earlier.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierMerges:
    """The merges of a plan before a page."""

    #: Id of a profile → the index of the last update that writes it.
    last_writes: Mapping[int, int]
    #: The resolutions of the identifiers of the page; None if these merges may have changed them.
    resolutions: Sequence[Resolution] | None


def repeat_earlier_merges(
    tx: Transaction, settings: Settings, *, plan_id: UUID, identifiers: Sequence[Recorded]
) -> EarlierMerges:
    """Merge what the plan merges before a page that names *identifiers*; the caller rolls the transaction back.

    A merge whose profiles do not exist any more is left out.
    """
    resolutions = resolve_identifiers(tx, identifiers=identifiers)
    rows = _connected_merges(tx, plan_id=plan_id, identifiers=identifiers, resolutions=resolutions)
    if not rows:
        return EarlierMerges(last_writes={}, resolutions=resolutions)
    profiles = lock_profiles(tx, ids={row[role] for row in rows for role in ("orphan_id", "survivor_id")})
    now = tx.now()
    groups = GroupKinds(email_groups=settings.email_groups, sms_groups=settings.sms_groups)
    working_set = WorkingSet(profiles)
    live = set(profiles)
    decisions: list[Decision] = []
    last_writes: dict[int, int] = {}
    for place, row in enumerate(rows):
        if not {row["orphan_id"], row["survivor_id"]} <= live:
            continue
        orphan, survivor = working_set[row["orphan_id"]], working_set[row["survivor_id"]]
        at = now + timedelta(microseconds=place)
        merged = merge_profiles(survivor=survivor, orphan=orphan, at=at, groups=groups)
        working_set.apply_merge(merged=merged, orphan=orphan)
        decisions.append(
            Decision(
                job=_job(row["index"]),
                outcome=Outcome.MERGED,
                reason="",
                at=at,
                orphan=orphan,
                survivor=survivor,
                merged=merged,
            )
        )
        live.discard(orphan.id)
        last_writes[survivor.id] = row["index"]
    save_effects(tx, working_set=working_set, decisions=decisions)
    return EarlierMerges(last_writes=last_writes, resolutions=None)


def _connected_merges(
    tx: Transaction, *, plan_id: UUID, identifiers: Sequence[Recorded], resolutions: Sequence[Resolution]
) -> Sequence[Mapping[str, Any]]:
    parameters = {
        "plan_id": plan_id,
        "ids": sorted({found for each in resolutions for found in _profile_ids(each)}),
        "email_keys": sorted({each.key for each in identifiers if isinstance(each, Email)}),
        "phone_keys": sorted({each.key for each in identifiers if isinstance(each, Phone) and each.key}),
    }
    return tx.execute(QUERIES["earlier_merges"], parameters).fetchall()


def _profile_ids(resolution: Resolution) -> list[int]:
    match resolution:
        case Resolved(profile_id):
            return [profile_id]
        case MergedAway():
            return [resolution.survivor_id]
        case _:
            return []


def _job(index: int) -> ClaimedJob:
    return ClaimedJob(
        id=new_id(),
        batch_id=new_id(),
        index=index,
        kind=JobKind.MERGE,
        orphan_wire={},
        survivor_wire={},
        attempts=1,
    )
