"""Resolution: find the profile that an identifier names, for merges."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from app.db.queries import load_queries
from app.db.transaction import Deferred, Transaction
from app.merging.prioritization import Ambiguous, Candidate, NoCandidate, Resolved, prioritize
from schemas.identifiers import Email, ExternalId, Identifier, Member, Phone, Recorded, UserAlias, has_key
from schemas.priorities import Priority

QUERIES = load_queries("app.profiles", "resolution.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedAway:
    """The profile with this external_id was merged away; *survivor_id* has its history now."""

    orphan_id: int
    braze_id: str
    external_id: str | None
    survivor_id: int


@dataclass(frozen=True, slots=True)
class Inherited(Resolved):
    """The profile has this alias or address by a merge; *from_orphan* had it before.

    It names the profile like any other identifier, but as the orphan of a merge it names *from_orphan*.
    """

    from_orphan: MergedAway


Resolution = Resolved | Ambiguous | NoCandidate | MergedAway


def resolve_identifiers(tx: Transaction, *, identifiers: Sequence[Recorded]) -> list[Resolution]:
    """Return the resolution of each of *identifiers*, in order, without a lock."""
    return resolve_identifiers_deferred(tx, identifiers=identifiers).result()


def resolve_identifiers_deferred(tx: Transaction, *, identifiers: Sequence[Recorded]) -> Deferred[list[Resolution]]:
    """Request the resolution of each of *identifiers*; the result is in their order.

    Sends an identifier once, however often it occurs: thousands of orphans may merge into one survivor.
    """
    distinct = list(dict.fromkeys(identifiers))
    places = list(enumerate(distinct))
    members = [{"place": place, "key": each.braze_id} for place, each in places if isinstance(each, Member)]
    others = [_parameters(place, each) for place, each in places if not isinstance(each, Member) and has_key(each)]
    requests = {"resolve_identifiers": others, "resolve_members": members}
    cursors = [tx.execute(QUERIES[query], {"given": Jsonb(each)}) for query, each in requests.items() if each]

    def read_resolutions() -> list[Resolution]:
        rows_at: defaultdict[int, list[Mapping[str, Any]]] = defaultdict(list)
        for cursor in cursors:
            for row in cursor.fetchall():
                rows_at[row["place"]].append(row)
        resolutions = {identifier: _resolution(identifier, rows_at[place]) for place, identifier in places}
        return [resolutions[each] for each in identifiers]

    return Deferred(read_resolutions)


def _parameters(place: int, identifier: Identifier) -> dict[str, Any]:
    """Return *identifier* as the query resolve_identifiers takes it."""
    match identifier:
        case ExternalId(value):
            return {"place": place, "kind": "external_id", "key": value}
        case UserAlias(label, name):
            return {"place": place, "kind": "user_alias", "key": name, "label": label}
        case Email() | Phone():
            kind = "email" if isinstance(identifier, Email) else "phone"
            newest = Priority.LEAST_RECENTLY_UPDATED not in identifier.prioritization
            return {"place": place, "kind": kind, "key": identifier.key, "newest": newest}


def _resolution(identifier: Recorded, rows: Sequence[Mapping[str, Any]]) -> Resolution:
    """Return the resolution of *identifier* from the *rows* found for it."""
    live = [row for row in rows if row["identified"] is not None]
    if not live and rows:
        return _merged_away(rows[0])
    steps = identifier.prioritization if isinstance(identifier, Email | Phone) else ()
    choice = prioritize([Candidate(row["id"], row["identified"], row["updated_at"]) for row in live], steps)
    if isinstance(choice, Resolved):
        (row,) = (row for row in live if row["id"] == choice.id)
        if row["orphan_id"] is not None:
            return Inherited(choice.id, _merged_away(row))
    return choice


def _merged_away(row: Mapping[str, Any]) -> MergedAway:
    return MergedAway(
        orphan_id=row["orphan_id"],
        braze_id=row["orphan_braze_id"],
        external_id=row["orphan_external_id"],
        survivor_id=row["id"],
    )
