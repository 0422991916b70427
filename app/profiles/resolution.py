"""Resolution: which profile an identifier denotes at this moment, for merges."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from app.db.queries import load_queries
from app.db.transaction import Deferred, Transaction
from app.merging.prioritization import Ambiguous, Candidate, Denoted, NotFound, prioritize
from schemas.identifiers import Email, ExternalId, Identifier, Member, Phone, Recorded, UserAlias
from schemas.prioritization import Priority

QUERIES = load_queries("app.profiles", "resolution.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedAway:
    """The profile with this external_id was merged away; *survivor_id* is where its history now reads."""

    orphan_id: int
    braze_id: str
    external_id: str | None
    survivor_id: int


Resolved = Denoted | Ambiguous | NotFound | MergedAway


def resolve(tx: Transaction, *, identifiers: Sequence[Recorded]) -> list[Resolved]:
    """Return, for each of *identifiers* in order, what it denotes in this statement's snapshot; nothing is locked."""
    return resolve_deferred(tx, identifiers=identifiers).result()


def resolve_deferred(tx: Transaction, *, identifiers: Sequence[Recorded]) -> Deferred[list[Resolved]]:
    """Ask what each of *identifiers* denotes; return how to get the answers, in order.

    What is named several times is asked for once: thousands of orphans may go into one survivor.
    """
    different = list(dict.fromkeys(identifiers))
    places = list(enumerate(different))
    asked = [_asked(place, identifier) for place, identifier in places if not isinstance(identifier, Member)]
    members = [{"place": place, "key": each.braze_id} for place, each in places if isinstance(each, Member)]
    questions = {"resolve_identifiers": asked, "resolve_members": members}
    cursors = [tx.execute(QUERIES[query], {"asked": Jsonb(each)}) for query, each in questions.items() if each]

    def answers() -> list[Resolved]:
        found = _answers(different, [row for cursor in cursors for row in cursor.fetchall()])
        return [found[each] for each in identifiers]

    return Deferred(answers)


def _answers(identifiers: Sequence[Recorded], rows: Sequence[Mapping[str, Any]]) -> dict[Recorded, Resolved]:
    """Return what each of *identifiers* denotes, given the *rows* that were found for all of them."""
    rows_at: defaultdict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        rows_at[row["place"]].append(row)
    return {identifier: _resolved(identifier, rows_at[place]) for place, identifier in enumerate(identifiers)}


def _asked(place: int, identifier: Identifier) -> dict[str, Any]:
    """Return *identifier* as the query takes it."""
    match identifier:
        case ExternalId(value):
            return {"place": place, "kind": "external_id", "key": value}
        case UserAlias(label, name):
            return {"place": place, "kind": "user_alias", "key": name, "label": label}
        case Email() | Phone():
            kind = "email" if isinstance(identifier, Email) else "phone"
            newest = Priority.LEAST_RECENTLY_UPDATED not in identifier.prioritization
            return {"place": place, "kind": kind, "key": identifier.key, "newest": newest}


def _resolved(identifier: Recorded, rows: Sequence[Mapping[str, Any]]) -> Resolved:
    """Return what the *rows* found for *identifier* amount to."""
    live = [Candidate(row["id"], row["identified"], row["updated_at"]) for row in rows if row["orphan_id"] is None]
    if not live and rows:
        return MergedAway(
            orphan_id=rows[0]["orphan_id"],
            braze_id=rows[0]["orphan_braze_id"],
            external_id=rows[0]["orphan_external_id"],
            survivor_id=rows[0]["id"],
        )
    steps = identifier.prioritization if isinstance(identifier, Email | Phone) else ()
    return prioritize(live, steps)
