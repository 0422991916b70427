"""Profiles to and from rows: one place knows which column holds what."""

from collections.abc import Collection, Mapping
from operator import attrgetter, itemgetter
from typing import Any

from psycopg.types.json import Jsonb

from app.db.queries import load_queries
from app.db.transaction import Deferred, Transaction
from app.merging.profile import EmailAddress, PhoneNumber, Profile

QUERIES = load_queries("app.profiles", "profiles.sql")

#: Fields of Profile that stand in the column of the same name.
PLAIN = tuple(name for name in Profile.__dataclass_fields__ if name not in {"email", "phone"})
#: All of them at once: every merge reads two rows and writes three.
IN_ROW, IN_PROFILE = itemgetter(*PLAIN), attrgetter(*PLAIN)


def from_row(row: Mapping[str, Any]) -> Profile:
    """Return the profile that *row* says: the columns of the table, and `user_aliases` as label → name."""
    return Profile(**dict(zip(PLAIN, IN_ROW(row), strict=True)), email=_email(row), phone=phone_of(row))


def to_row(profile: Profile) -> dict[str, Any]:
    """Return *profile* as a row, with `user_aliases` beside the columns; the inverse of from_row."""
    row = dict(zip(PLAIN, IN_PROFILE(profile), strict=True))
    email, phone = profile.email, profile.phone
    return row | {
        "email": email and email.address,
        "email_key": email and email.key,
        "email_encrypted": email is not None and email.encrypted,
        "phone": phone and phone.number,
        "phone_e164": phone and phone.e164,
    }


def load(tx: Transaction, *, ids: Collection[int]) -> dict[int, Profile]:
    """Return the profiles of *ids* that exist, by id, without locking them."""
    return load_deferred(tx, ids=ids).result()


def load_deferred(tx: Transaction, *, ids: Collection[int]) -> Deferred[dict[int, Profile]]:
    """Ask for the profiles of *ids*; return how to get those that exist, by id."""
    parameters = {"ids": sorted(set(ids))}
    cursor = tx.execute(QUERIES["load_profiles"], parameters)
    return Deferred(lambda: {row["id"]: from_row(row) for row in cursor.fetchall()})


def save(tx: Transaction, profiles: Collection[Profile]) -> None:
    """Write *profiles*, all of one workspace and all locked by the caller; aliases are not written here."""
    if profiles:
        rows = [to_row(profile) for profile in profiles]
        tx.execute(QUERIES["save_profiles"], {"rows": Jsonb(rows)})


def _email(row: Mapping[str, Any]) -> EmailAddress | None:
    """Return the email address that *row* holds."""
    if row["email"] is None:
        return None
    return EmailAddress(address=row["email"], key=row["email_key"], encrypted=row["email_encrypted"])


def phone_of(row: Mapping[str, Any]) -> PhoneNumber | None:
    """Return the phone number that *row* holds."""
    return None if row["phone"] is None else PhoneNumber(number=row["phone"], e164=row["phone_e164"])
