"""The report of one person: all stored data, read part by part from one snapshot of the database.

A deletion erases what a report lists. A report does not list what Mergelane cannot attribute to a person: digests of
Idempotency-Keys, and webhook notices, which contain ids and counts.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.audit.entries import AuditEntry
from app.audit.queries import read_entries
from app.audit.snapshots import Snapshots
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.ledger import erasure
from app.ledger.profile_ref import ProfileRef
from app.ledger.queries import Job, read_jobs
from app.profiles.history_pages import HistoryFilter, Item, read_history
from app.profiles.lookup import read_profile
from app.users.person import Person, ledger_of_persons, load_persons
from schemas.audit import Action

if TYPE_CHECKING:
    from datetime import datetime

    from app.merging.profile import Profile
    from schemas.history_pages import HistoryPlace

QUERIES = load_queries("app.users", "report.sql")

#: Jobs, entries and items of the history that one query reads.
CHUNK = 100
HISTORY_CHUNK = 500


class PersonReport:
    """What is stored about the person with a live profile. Its transaction must be a snapshot."""

    def __init__(self, tx: Transaction, *, braze_id: str) -> None:
        """Find the person and their jobs. Raises Gone when the profile was merged away, NotFound when there is none."""
        self._tx = tx
        self.profile: Profile = read_profile(tx, braze_id=braze_id)
        (self._person,) = load_persons(tx, profiles=[self.profile])
        (ledger,) = ledger_of_persons(tx, persons=[self._person]).values()
        self._job_ids = sorted({*ledger.job_ids, *(each.id for each in ledger.unfinished)})
        self.created_at: datetime = tx.now()
        saw = erasure.jobs_with_snapshots_of(tx, profile_ids=self._person.origin_ids)
        #: Jobs about other people whose records contain values of this person.
        self.records_of_others: Sequence[UUID] = sorted(saw - ledger.job_ids)

    def records(self) -> dict[str, list[dict[str, Any]]]:
        """Return the stored rows by table, except for history, jobs and audit."""
        parameters = {"profile_id": self.profile.id, "origin_ids": self._person.origin_ids}
        parameters["braze_ids"] = self._person.braze_ids
        records: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in self._tx.execute(QUERIES["records_of_person"], parameters):
            records[row["name"]].append(row["row"])
        return dict(records)

    def jobs(self) -> Iterator[Sequence[Job]]:
        """Yield the jobs that name the person, or that found them, oldest first."""
        for ids in _chunks(self._job_ids):
            yield read_jobs(self._tx, job_ids=ids)

    def audit(self) -> Iterator[Sequence[AuditEntry]]:
        """Yield the entries of the audit about the person, oldest first, with the snapshots of this person only."""
        events = self._tx.execute(QUERIES["events_about_person"], {"braze_ids": self._person.braze_ids})
        for ids in _chunks(sorted({*self._job_ids, *(row["id"] for row in events)})):
            yield [_own_part(each, self._person) for each in read_entries(self._tx, ids=ids, snapshots=True)]

    def history(self) -> Iterator[Sequence[Item]]:
        """Yield the history, newest first."""
        place: HistoryPlace | None = None
        while True:
            page = read_history(
                self._tx,
                braze_id=self.profile.braze_id,
                matching=HistoryFilter(),
                after=place,
                limit=HISTORY_CHUNK,
            )
            yield page.items
            place = page.next_after
            if place is None:
                return


def _own_part(entry: AuditEntry, person: Person) -> AuditEntry:
    """Return *entry* without the snapshots of another person: one side of a merge that was undone.

    The profiles of a merge that was not undone are one person now.
    """
    sides = {"orphan": entry.orphan, "survivor": entry.survivor}
    others = {name for name, side in sides.items() if side is not None and not _is_of(side, person)}
    if not others or entry.action not in {Action.MERGE, Action.UNDO}:
        return entry
    given = entry.snapshots
    own = Snapshots(
        changes=() if "survivor" in others else given.changes,
        before={name: value for name, value in given.before.items() if name not in others},
        after={name: value for name, value in given.after.items() if name not in others},
    )
    return dataclasses.replace(entry, snapshots=own)


def _is_of(side: ProfileRef, person: Person) -> bool:
    return side.braze_id in person.braze_ids


def _chunks(ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]
