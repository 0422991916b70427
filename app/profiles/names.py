"""Names and email addresses of profiles, which lists show beside their ids."""

from collections.abc import Collection
from dataclasses import dataclass, field

from app.db.queries import load_queries
from app.db.transaction import Transaction

QUERIES = load_queries("app.profiles", "names.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileNames:
    """The names of some profiles, as "Ada Lovelace, ada@example.com"."""

    by_braze_id: dict[str, str] = field(default_factory=dict)
    by_external_id: dict[str, str] = field(default_factory=dict)

    def of(self, *, braze_id: str | None, external_id: str | None) -> str | None:
        """Return the name of a profile, by its braze_id if it is known, else by its external_id."""
        if braze_id is not None:
            return self.by_braze_id.get(braze_id)
        return None if external_id is None else self.by_external_id.get(external_id)


def read_names(tx: Transaction, *, braze_ids: Collection[str], external_ids: Collection[str]) -> ProfileNames:
    """Return the names of these profiles, with one query; profiles without a name and an email are left out."""
    names = ProfileNames()
    if not (braze_ids or external_ids):
        return names
    parameters = {"braze_ids": sorted(braze_ids), "external_ids": sorted(external_ids)}
    for row in tx.execute(QUERIES["read_names"], parameters):
        full = " ".join(part for part in (row["first_name"], row["last_name"]) if part)
        if text := ", ".join(part for part in (full, row["email"]) if part):
            names.by_braze_id[row["braze_id"]] = text
            if row["external_id"] is not None:
                names.by_external_id[row["external_id"]] = text
    return names
