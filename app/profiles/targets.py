"""Find the profiles that requests name by identifier, without a lock. Merges use `resolution` instead."""

from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass

from app.db.queries import load_queries
from app.db.transaction import Transaction
from schemas.identifiers import BrazeId, DeviceId, Email, Phone, Target, has_key, sharing_key

QUERIES = load_queries("app.profiles", "targets.sql")


@dataclass(frozen=True, slots=True)
class ExistingProfile:
    """A profile found by an identifier, and the comparison keys of its addresses."""

    id: int
    identified: bool
    email_key: str | None = None
    phone_e164: str | None = None


def target_key(target: Target) -> tuple[str, ...]:
    """Return a key that is equal for two targets that name the same profile."""
    match target:
        case BrazeId(value):
            return ("braze_id", value)
        case DeviceId(value):
            return ("device_id", value)
        case _:
            return sharing_key(target)


def find_profiles(tx: Transaction, *, targets: Iterable[Target]) -> dict[Hashable, ExistingProfile]:
    """Return the profiles that *targets* name, by target_key. Targets without a profile are missing.

    Of several profiles with one address, take one with an external_id first, then the most recently updated, as the
    vendor does. A device names the most recently updated unidentified profile that has it.
    """
    keys_of: dict[str, set[tuple[str, ...]]] = {}
    for kind, *values in map(target_key, filter(has_key, targets)):
        keys_of.setdefault(kind, set()).add(tuple(values))
    found: dict[Hashable, ExistingProfile] = {}
    for kind, keys in keys_of.items():
        query, columns, parameters = _query(kind, sorted(keys))
        for row in tx.execute(QUERIES[query], parameters):
            profile = ExistingProfile(row["id"], row["identified"], row["email_key"], row["phone_e164"])
            found[kind, *(row[column] for column in columns)] = profile
    return found


def claim_addresses(tx: Transaction, *, targets: Collection[Email | Phone | DeviceId]) -> None:
    """Lock the addresses and devices *targets* until the transaction ends.

    No unique index guards them: without this, two requests could each create a profile for one address.
    """
    addresses = [":".join(target_key(target)) for target in targets]
    tx.execute(QUERIES["claim_addresses"], {"addresses": addresses, "all": False})


def claim_all_addresses(tx: Transaction) -> None:
    """Lock all addresses and devices of the workspace until the transaction ends, for an import."""
    tx.execute(QUERIES["claim_addresses"], {"addresses": [], "all": True})


def _query(kind: str, keys: Sequence[tuple[str, ...]]) -> tuple[str, tuple[str, ...], dict[str, list[str]]]:
    """Return the query for targets of *kind*, the columns of its keys, and its parameters."""
    values = [key[-1] for key in keys]
    match kind:
        case "external_id":
            return "find_external_ids", ("external_id",), {"external_ids": values}
        case "braze_id":
            return "find_braze_ids", ("braze_id",), {"braze_ids": values}
        case "user_alias":
            return "find_aliases", ("label", "name"), {"labels": [label for label, _ in keys], "names": values}
        case "device_id":
            return "find_devices", ("device_id",), {"device_ids": values}
        case "email":
            return "find_emails", ("key",), {"keys": values}
        case _:
            return "find_phones", ("key",), {"keys": values}
