"""Profiles to and from rows of the table `profile`."""

from collections.abc import Collection, Mapping
from operator import attrgetter, itemgetter
from typing import Any

from psycopg.types.json import Jsonb

from app.db.queries import load_queries
from app.db.transaction import Deferred, Transaction
from app.merging.profile import EmailAddress, PhoneNumber, Profile

QUERIES = load_queries("app.profiles", "profiles.sql")

#: Fields of Profile that have a column of the same name.
SAME_NAME = tuple(name for name in Profile.__dataclass_fields__ if name not in {"email", "phone"})
#: Read all of them at once: every merge reads two rows and writes three.
get_columns, get_fields = itemgetter(*SAME_NAME), attrgetter(*SAME_NAME)

#: Fields that never change, and the aliases with their origins, which have a table of their own.
NOT_SAVED = frozenset(
    {"workspace_id", "id", "braze_id", "created_at", "random_bucket", "user_aliases", "alias_origins"}
)
#: Fields of Profile that are computed from another table.
NOT_COLUMNS = frozenset({"user_aliases", "alias_origins"})
#: The query load_profiles with a column for each field of Profile. It names them, or a connection that has prepared the
#: query could not run it after ALTER TABLE … ADD COLUMN.
LOAD_PROFILES = QUERIES["load_profiles"].replace(
    " /* other columns */", "".join(f",\n    profile.{name}" for name in SAME_NAME if name not in NOT_COLUMNS)
)
#: The query save_profiles with a column for each field of Profile that can change.
SAVE_PROFILES = QUERIES["save_profiles"].replace(
    " /* other columns */", "".join(f",\n    {name} = given.{name}" for name in SAME_NAME if name not in NOT_SAVED)
)


def profile_from_row(row: Mapping[str, Any]) -> Profile:
    """Return the profile of *row*: the columns of the table, and both mappings of aliases."""
    columns = dict(zip(SAME_NAME, get_columns(row), strict=True))
    return Profile(**columns, email=email_from_row(row), phone=phone_from_row(row))


def profile_to_row(profile: Profile) -> dict[str, Any]:
    """Return *profile* as a row, with both mappings of aliases beside the columns; the inverse of profile_from_row."""
    row = dict(zip(SAME_NAME, get_fields(profile), strict=True))
    email, phone = profile.email, profile.phone
    return row | {
        "email": email and email.address,
        "email_key": email and email.key,
        "email_encrypted": email is not None and email.encrypted,
        "phone": phone and phone.number,
        "phone_e164": phone and phone.e164,
    }


def load_profiles(tx: Transaction, *, ids: Collection[int]) -> dict[int, Profile]:
    """Return the existing profiles among *ids* by id, without a lock."""
    return load_profiles_deferred(tx, ids=ids).result()


def load_profiles_deferred(tx: Transaction, *, ids: Collection[int]) -> Deferred[dict[int, Profile]]:
    """Request the profiles of *ids*; the result is the existing ones by id."""
    return tx.defer(
        LOAD_PROFILES,
        {"ids": sorted(set(ids))},
        read=lambda cursor: {row["id"]: profile_from_row(row) for row in cursor.fetchall()},
    )


def save_profiles(tx: Transaction, profiles: Collection[Profile]) -> None:
    """Write *profiles*, which the caller has locked. Does not write aliases."""
    if profiles:
        rows = [profile_to_row(profile) for profile in profiles]
        tx.execute(SAVE_PROFILES, {"rows": Jsonb(rows)})


def phone_from_row(row: Mapping[str, Any]) -> PhoneNumber | None:
    """Return the phone number in *row*, or None."""
    return None if row["phone"] is None else PhoneNumber(number=row["phone"], e164=row["phone_e164"])


def email_from_row(row: Mapping[str, Any]) -> EmailAddress | None:
    """Return the email address in *row*, or None."""
    if row["email"] is None:
        return None
    return EmailAddress(address=row["email"], key=row["email_key"], encrypted=row["email_encrypted"])
