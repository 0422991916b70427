"""Find out why identifiers name no profile any more. Only requests with such an identifier run these queries."""

from collections.abc import Hashable, Iterable

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.ledger.search import HELD
from app.profiles.targets import target_key
from schemas.departures import Departure
from schemas.identifiers import BrazeId, ExternalId, Target, UserAlias

QUERIES = load_queries("app.users", "departures.sql")


def find_departures(tx: Transaction, *, targets: Iterable[Target]) -> dict[Hashable, Departure]:
    """Return what happened to the profiles of *targets*, by target_key.

    *targets* name no live profile. Missing are identifiers that never had a profile, and identifiers that the ledger
    and the audit no longer contain.
    """
    missing = set(targets)
    departures: dict[Hashable, Departure] = {}
    if braze_ids := sorted(each.value for each in missing if isinstance(each, BrazeId)):
        for row in tx.execute(QUERIES["departed_braze_ids"], {"braze_ids": braze_ids}):
            key = target_key(BrazeId(row["braze_id"]))
            departures[key] = Departure(merged=row["merged"], survivor=row["survivor"])
    if external_ids := sorted(each.value for each in missing if isinstance(each, ExternalId)):
        for row in tx.execute(QUERIES["departed_external_ids"], {"external_ids": external_ids}):
            key = target_key(ExternalId(row["external_id"]))
            departures[key] = Departure(merged=True, survivor=row["survivor"])
    if aliases := [each for each in missing if isinstance(each, UserAlias)]:
        parameters = {
            "labels": [alias.label for alias in aliases],
            "names": [alias.name for alias in aliases],
            "held": HELD,
        }
        for row in tx.execute(QUERIES["departed_aliases"], parameters):
            key = target_key(UserAlias(label=row["label"], name=row["name"]))
            departures[key] = Departure(merged=True, survivor=row["survivor"])
    return departures
