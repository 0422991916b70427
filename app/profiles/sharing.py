"""The profiles that share an email address or a phone number with others, and their consent."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from app.db.queries import load_queries
from app.db.transaction import Deferred, Transaction
from app.merging.profile import EmailAddress, Map, PhoneNumber
from app.profiles.store import email_from_row, phone_from_row

QUERIES = load_queries("app.profiles", "sharing.sql")

#: The most profiles with one address that a state reaches beside the profile that it was set for, as at the vendor.
MAX_SHARERS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharer:
    """A profile with its addresses and its consent, and nothing else."""

    id: int
    braze_id: str
    external_id: str | None
    email: EmailAddress | None
    phone: PhoneNumber | None
    email_subscription: Map | None
    email_open_tracking_disabled: bool | None
    email_click_tracking_disabled: bool | None
    marked_email_as_spam_at: datetime | None
    subscription_groups: Map


#: The fields of a Sharer that are columns of the same name.
SAME_NAME = tuple(each.name for each in fields(Sharer) if each.name not in {"email", "phone"})
#: Those of them that save_consent writes.
CONSENT = tuple(name for name in SAME_NAME if name not in {"id", "braze_id", "external_id"})


@dataclass(frozen=True, slots=True)
class Sharers:
    """Ids of profiles with each of some addresses."""

    ids: Mapping[tuple[str, str], frozenset[int]]

    @property
    def all_ids(self) -> frozenset[int]:
        return frozenset().union(*self.ids.values())

    def includes(self, later: "Sharers") -> bool:
        """Return whether no profile has joined these addresses in *later*; an address with MAX_SHARERS may change."""
        return all(found <= self.ids[address] for address, found in later.ids.items() if len(found) < MAX_SHARERS)


def find_sharers_deferred(
    tx: Transaction, *, addresses: Collection[tuple[str, str]], besides: Collection[int]
) -> Deferred[Sharers]:
    """Request the profiles with *addresses*, pairs of `email` or `phone` and a comparison key, without a lock.

    The result has for each address the MAX_SHARERS most recently updated ones, without the profiles *besides*.
    """
    if not addresses:
        return Deferred(lambda: Sharers({}))
    ordered = sorted(addresses)
    parameters = {
        "kinds": [kind for kind, _ in ordered],
        "keys": [key for _, key in ordered],
        "besides": sorted(set(besides)),
        "limit": MAX_SHARERS,
    }

    def read(rows: Sequence[Mapping[str, Any]]) -> Sharers:
        found: dict[tuple[str, str], set[int]] = {address: set() for address in ordered}
        for row in rows:
            found[row["kind"], row["key"]].add(row["id"])
        return Sharers({address: frozenset(ids) for address, ids in found.items()})

    return tx.defer(QUERIES["find_sharers"], parameters, read=lambda cursor: read(cursor.fetchall()))


def load_sharers_deferred(tx: Transaction, *, ids: Collection[int]) -> Deferred[dict[int, Sharer]]:
    """Request the existing profiles among *ids*; the result is by id."""
    if not ids:
        return Deferred(dict)
    return tx.defer(
        QUERIES["load_sharers"],
        {"ids": sorted(ids)},
        read=lambda cursor: {row["id"]: _sharer_from_row(row) for row in cursor.fetchall()},
    )


def save_consent(tx: Transaction, *, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the columns CONSENT of profiles that the caller has locked; `updated_at` stays. A row also has the `id`."""
    if rows:
        tx.execute(QUERIES["save_consent"], {"rows": Jsonb(rows)})


def _sharer_from_row(row: Mapping[str, Any]) -> Sharer:
    columns = {name: row[name] for name in SAME_NAME}
    return Sharer(**columns, email=email_from_row(row), phone=phone_from_row(row))
