"""Deprecated external_ids: those that profiles were renamed from, which keep resolving until they are removed.

An external_id is at most one live profile's, as its primary or as a deprecated one. A unique index guards each of the
two; between them `take_over` does, which everything calls that gives a profile an external_id.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import ResolutionUnsettled

QUERIES = load_queries("app.profiles", "deprecation.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The live profile that has an external_id, and whether it is its primary one."""

    profile_id: int
    is_primary: bool


def holders(tx: Transaction, *, external_ids: Collection[str]) -> dict[str, Holder]:
    """Return who has which of *external_ids* at this moment; nothing is locked."""
    parameters = {"external_ids": sorted(set(external_ids))}
    rows = tx.execute(QUERIES["find_holders"], parameters)
    return {row["external_id"]: Holder(profile_id=row["id"], is_primary=row["is_primary"]) for row in rows}


def take_over(tx: Transaction, *, external_ids: Collection[str]) -> None:
    """End what else led anywhere by *external_ids*, which this transaction has just given to profiles.

    That is redirects and deprecated external_ids of profiles that were merged away. Raises ResolutionUnsettled when one
    is a live profile's deprecated external_id by now. This sees whatever could be: who holds an external_id in the
    unique index of profiles has waited for every transaction that renamed another profile from it.
    """
    parameters = {"external_ids": sorted(set(external_ids))}
    if tx.execute(QUERIES["take_over"], parameters).fetchall():
        raise ResolutionUnsettled("An external_id became another profile's deprecated one before it could be given.")


def deprecate(tx: Transaction, *, old: Mapping[str, int], now: datetime) -> None:
    """Keep the external_ids in *old* resolving to the profiles beside them, which have others now."""
    parameters = {
        "external_ids": list(old.keys()),
        "profile_ids": list(old.values()),
        "now": now,
    }
    tx.execute(QUERIES["deprecate"], parameters)


def remove(tx: Transaction, *, external_ids: Collection[str]) -> dict[str, str | None]:
    """Let those of *external_ids* that are deprecated mean nobody from now on; return whose they were, by braze_id."""
    parameters = {"external_ids": sorted(set(external_ids))}
    rows = tx.execute(QUERIES["remove_deprecated"], parameters)
    return {row["external_id"]: row["braze_id"] for row in rows}
