"""The current survivor of every id that profiles have or had."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import NotFound
from app.ledger.profile_ref import ProfileRef
from schemas.identities import IdState, IdType, SurvivorPlace, SurvivorSection

QUERIES = load_queries(__package__, "survivors.sql")

UNKNOWN = "No profile of the key's workspace has or had this id, or the person who had it was deleted."
#: The query of each section, in the order of the list.
SECTIONS: Mapping[SurvivorSection, str] = {
    SurvivorSection.PROFILES: "profiles_after",
    SurvivorSection.ORPHANS: "orphans_after",
    SurvivorSection.RENAMED: "renamed_after",
    SurvivorSection.DELETED: "deleted_after",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownId:
    """An id, and the live profile that it leads to."""

    id: str
    id_type: IdType
    state: IdState
    #: None after the deletion of the person.
    survivor: ProfileRef | None
    #: The braze_id of the profile that has or had the id; of a list only.
    braze_id: str | None = None
    #: The profile into which that one was merged, which may have been merged away later; of a list only.
    merged_into: str | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any], *, identifier: str) -> "KnownId":
        """Return the id of a table row."""
        survivor = ProfileRef.from_row(row)
        return cls(
            id=identifier,
            id_type=IdType(row["id_type"]),
            # Its last profile was deleted while the row was read.
            state=IdState(row["state"]) if survivor else IdState.DELETED,
            survivor=survivor,
            braze_id=row.get("own_braze_id"),
            merged_into=row.get("merged_into"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivorPage:
    """A page of ids; *next_place* is None after the last one."""

    ids: Sequence[KnownId]
    next_place: SurvivorPlace | None


def find_survivor(tx: Transaction, *, identifier: str) -> KnownId:
    """Return what *identifier* names, an external_id or a braze_id. Raises NotFound if nothing has or had it."""
    row = tx.execute(QUERIES["find_survivor"], {"id": identifier}).fetchone()
    if row is None:
        raise NotFound(UNKNOWN)
    return KnownId.from_row(row, identifier=identifier)


def list_survivors(tx: Transaction, *, after: SurvivorPlace, limit: int) -> SurvivorPage:
    """Return the ids of up to *limit* profiles or former ids after a place."""
    parameters = {"after": after.after, "limit": limit}
    rows = tx.execute(QUERIES[SECTIONS[after.section]], parameters).fetchall()
    ids = [KnownId.from_row(row, identifier=row["id"]) for row in rows if row["id"] is not None]
    if rows:
        return SurvivorPage(ids=ids, next_place=SurvivorPlace(after.section, str(rows[-1]["place"])))
    return SurvivorPage(ids=ids, next_place=after.section.next_place())
