"""Exclusions: pairs of profiles that are not a match, which duplicate runs leave alone.

A row has the ids under which the pair was recorded. The table `origin` leads from them to the live profiles, so an
exclusion follows its profiles through merges and undos.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from app.audit.log import Actor, AuditEvent, log_events
from app.db.connections import Pool
from app.db.ids import id_after, new_id
from app.db.queries import load_queries
from app.db.transaction import Transaction, Wrapper, retry_until_stable, unchanged
from app.errors import NotFound, Rejected, ResolutionUnsettled
from app.profiles.locking import lock_profiles
from app.profiles.targets import find_profiles, target_key
from schemas.audit import Action
from schemas.exclusions import RequestedExclusion
from schemas.identifiers import BrazeId, Target, UserAlias

QUERIES = load_queries("app.duplicates", "exclusions.sql")

NO_EXCLUSION = "There is no exclusion with this id."
NO_PROFILE = (
    "'exclusions.{place}.profiles.{side}' names no profile: no live profile has this {kind}. Nothing was excluded."
)
ONE_PROFILE = (
    "'exclusions.{place}.profiles' name one profile twice; an exclusion has two profiles. Nothing was excluded."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcludedProfile:
    """A side of an exclusion."""

    braze_id: str
    #: The braze_id of the live profile that it was merged into.
    merged_into: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """A pair of profiles that is not a match."""

    id: UUID
    profiles: tuple[ExcludedProfile, ExcludedProfile]
    reason: str | None
    created_at: datetime
    #: The API key of the request, `{id, label}`; None for an undo.
    key: Mapping[str, Any] | None
    #: The undo that recorded the pair; None for a request.
    undo_job_id: UUID | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Exclusion":
        """Return the exclusion of a table row."""
        low, high = (
            ExcludedProfile(braze_id=row[f"{side}_braze_id"], merged_into=row[f"{side}_merged_into"])
            for side in ("low", "high")
        )
        key_id = row["api_key_id"]
        return cls(
            id=row["id"],
            profiles=(low, high),
            reason=row["reason"],
            created_at=row["created_at"],
            key=None if key_id is None else {"id": key_id, "label": row["label"]},
            undo_job_id=row["undo_job_id"],
        )


def add_exclusions(
    pool: Pool,
    *,
    workspace_id: int,
    requested: Sequence[RequestedExclusion],
    asker: Actor,
    once: Wrapper = unchanged,
) -> list[Exclusion]:
    """Store *requested* and return the stored exclusions in their order; a pair that is stored already is unchanged.

    The audit records *asker*. Raises NotFound when an identifier names no profile, and Rejected when both name one.
    Nothing was stored then.
    """
    return retry_until_stable(pool, workspace_id, once(_add_exclusions), requested=requested, asker=asker)


def list_exclusions(tx: Transaction, *, limit: int, before: UUID | None = None) -> list[Exclusion]:
    """Return up to *limit* exclusions, newest first, older than the exclusion *before*."""
    page = {"limit": limit, "before": before}
    return [Exclusion.from_row(row) for row in tx.execute(QUERIES["list_exclusions"], page)]


def read_exclusion(tx: Transaction, *, exclusion_id: UUID) -> Exclusion:
    """Return an exclusion; raise NotFound when the workspace has none of that id."""
    for each in list_exclusions(tx, limit=1, before=id_after(exclusion_id)):
        if each.id == exclusion_id:
            return each
    raise NotFound(NO_EXCLUSION)


def delete_exclusion(tx: Transaction, *, exclusion_id: UUID, asker: Actor) -> None:
    """Delete an exclusion; the audit records *asker*. Raises NotFound when the workspace has none of that id."""
    row = tx.execute(QUERIES["delete_exclusion"], {"id": exclusion_id}).fetchone()
    if row is None:
        raise NotFound(NO_EXCLUSION)
    change = {"field": "exclusion", "before": {"reason": row["reason"]}, "after": None, "rule": None}
    log_events(tx, action=Action.ALLOW, actor=asker, events=_events(row["low_braze_id"], row["high_braze_id"], change))


def _add_exclusions(tx: Transaction, *, requested: Sequence[RequestedExclusion], asker: Actor) -> list[Exclusion]:
    pairs = _resolve(tx, requested)
    # A deletion of a profile waits, so that it finds the exclusions of the profile.
    profiles = lock_profiles(tx, ids={profile_id for pair in pairs for profile_id in pair})
    if _resolve(tx, requested) != pairs:
        raise ResolutionUnsettled("An identifier moved to another profile before its profile was locked.")
    rows = [
        {
            "id": str(new_id()),
            "low_origin_id": low,
            "high_origin_id": high,
            "low_braze_id": profiles[low].braze_id,
            "high_braze_id": profiles[high].braze_id,
            "reason": each.reason,
        }
        for (low, high), each in zip(pairs, requested, strict=True)
    ]
    added = tx.execute(QUERIES["add_exclusions"], {"rows": Jsonb(rows), "api_key_id": asker.api_key_id})
    new = {str(row["id"]) for row in added}
    events = [event for row in rows if row["id"] in new for event in _events_of_added(row)]
    log_events(tx, action=Action.EXCLUDE, actor=asker, events=events)
    return _read(tx, pairs)


def _resolve(tx: Transaction, requested: Sequence[RequestedExclusion]) -> list[tuple[int, int]]:
    """Return the ids of the profiles of each of *requested*, the lower one first."""
    found = find_profiles(tx, targets=[target for each in requested for target in each.profiles])
    pairs: list[tuple[int, int]] = []
    for place, each in enumerate(requested):
        ids = []
        for side, target in enumerate(each.profiles):
            profile = found.get(target_key(target))
            if profile is None:
                raise NotFound(NO_PROFILE.format(place=place, side=side, kind=_kind(target)))
            ids.append(profile.id)
        low, high = sorted(ids)
        if low == high:
            raise Rejected(ONE_PROFILE.format(place=place))
        pairs.append((low, high))
    return pairs


def _read(tx: Transaction, pairs: Sequence[tuple[int, int]]) -> list[Exclusion]:
    """Return the stored exclusions of *pairs*, in their order."""
    parameters = {"lows": [low for low, _ in pairs], "highs": [high for _, high in pairs]}
    rows = tx.execute(QUERIES["read_exclusions"], parameters)
    stored = {(row["low_origin_id"], row["high_origin_id"]): Exclusion.from_row(row) for row in rows}
    return [stored[pair] for pair in pairs]


def _events_of_added(row: Mapping[str, Any]) -> list[AuditEvent]:
    change = {"field": "exclusion", "before": None, "after": {"reason": row["reason"]}, "rule": None}
    return _events(row["low_braze_id"], row["high_braze_id"], change)


def _events(one: str, other: str, change: Mapping[str, Any]) -> list[AuditEvent]:
    """Return an event for each profile of a pair, so that each finds it by its own braze_id."""
    return [
        AuditEvent(braze_id=own, source_braze_id=partner, changes=[change])
        for own, partner in ((one, other), (other, one))
    ]


def _kind(target: Target) -> str:
    if isinstance(target, BrazeId):
        return "braze_id"
    return "alias" if isinstance(target, UserAlias) else "external_id"
