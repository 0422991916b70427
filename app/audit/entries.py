"""An entry of the audit, made from the rows in which it is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.audit.snapshots import NOTHING, Images, of_external_id, of_merge, of_undo
from app.ledger.queries import Side
from schemas.audit import Action, Place
from schemas.outcomes import Outcome

Row = Mapping[str, Any]

#: What a job did, by its outcome; jobs with other outcomes did nothing.
ACTIONS: Mapping[Outcome, Action] = {
    Outcome.MERGED: Action.MERGE,
    Outcome.IDENTIFIED: Action.IDENTIFY,
    Outcome.UNDONE: Action.UNDO,
    Outcome.UNDONE_IN_PART: Action.UNDO,
}
#: Bits of a UUIDv7 behind its milliseconds.
BEHIND_TIME = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """The API key by which something was asked for."""

    id: UUID
    label: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What was done, when, by whose key, and to whom."""

    id: UUID
    action: Action
    #: When it took effect.
    at: datetime
    #: None when nobody's key asked.
    key: Key | None
    path: str
    request_id: str | None = None
    batch_id: UUID | None = None
    outcome: Outcome | None = None
    #: Of a merge and its undo.
    orphan: Side | None = None
    survivor: Side | None = None
    #: Of what concerns one profile.
    profile: Side | None = None
    undoes: UUID | None = None
    undone_by: UUID | None = None
    not_restored: Sequence[Row] | None = None
    #: Whether somebody whom it was about was deleted since, so that it shows no more than the fact.
    erased: bool = False
    images: Images = NOTHING

    @property
    def requested_at(self) -> datetime:
        """When it was asked for: ids are made then, and entries are in their order."""
        return datetime.fromtimestamp((self.id.int >> BEHIND_TIME) / 1000, UTC)

    @property
    def job_id(self) -> UUID | None:
        """The job that did it; None when it is no job."""
        return self.id if self.batch_id else None

    @property
    def place(self) -> Place:
        """Where a page ends behind it."""
        return self.batch_id or self.id, self.id

    @property
    def changes(self) -> Sequence[Row]:
        """What changed: `[{field, before, after, rule}]`."""
        return self.images.changes

    @property
    def before(self) -> Row:
        """What is known of each side before it."""
        return self.images.before

    @property
    def after(self) -> Row:
        """What is known of each side after it."""
        return self.images.after


def of_job(row: Row, *, with_images: bool) -> Entry:
    """Return the entry of the job that *row* says."""
    outcome = Outcome(row["outcome"])
    action = ACTIONS[outcome]
    orphan, survivor = _side(row, "orphan_"), _side(row, "survivor_")
    alone = action is Action.IDENTIFY
    return Entry(
        id=row["id"],
        action=action,
        at=row["at"],
        key=_key(row),
        path=row["path"],
        batch_id=row["batch_id"],
        outcome=outcome,
        orphan=None if alone else orphan,
        survivor=None if alone else survivor,
        profile=survivor or orphan if alone else None,
        undoes=row["undoes"],
        undone_by=row["undone_by"],
        not_restored=row["not_restored"],
        erased=row["erased"],
        images=_images(action, row) if with_images and not row["erased"] else NOTHING,
    )


def of_noted(row: Row, *, with_images: bool) -> Entry:
    """Return the entry of an action that is no job."""
    action = Action(row["action"])
    erased = row["external_id"] is None
    shown = with_images and not erased
    field = "external_id" if action is Action.RENAME else "deprecated_external_id"
    return Entry(
        id=row["id"],
        action=action,
        at=row["at"],
        key=_key(row),
        path=row["path"],
        request_id=row["request_id"],
        profile=_side(row, ""),
        erased=erased,
        images=of_external_id(field, row["external_id"], row["new_external_id"]) if shown else NOTHING,
    )


def _images(action: Action, row: Row) -> Images:
    """Return what changed by the job that *row* says."""
    match action:
        case Action.MERGE:
            return of_merge(orphan=row["orphan_before"], survivor=row["survivor_before"], changes=row["changes"])
        case Action.IDENTIFY:
            return of_external_id("external_id", None, row["survivor_external_id"])
        case _:
            return of_undo(row["changes"])


def _key(row: Row) -> Key | None:
    """Return the key that *row* names, or None."""
    return None if row["api_key_id"] is None else Key(id=row["api_key_id"], label=row["label"])


def _side(row: Row, role: str) -> Side | None:
    """Return the profile of *role* that *row* says, or None."""
    braze_id = row[f"{role}braze_id"]
    return None if braze_id is None else Side(braze_id=braze_id, external_id=row[f"{role}external_id"])
