"""Peppers: the secrets that digests are keyed with, and how one is exchanged for another."""

import pytest

from app import keys
from app.db.connections import Connection
from app.keys.digests import digest_secret, pepper_fingerprint

OLD, NEW = "the-old-pepper-of-this-house", "the-new-pepper-of-this-house"
NONE = ""


def stored(connection: Connection) -> list[tuple[bytes, str]]:
    """Return the digests that are stored, with the fingerprints of their peppers."""
    return [(row["digest"], row["pepper"]) for row in connection.execute("SELECT digest, pepper FROM api_key")]


def make(connection: Connection, *peppers: str) -> str:
    """Make a key under *peppers* and return its secret."""
    _, secret = keys.create_key(connection, workspace="shop", label="x", permissions=["*"], peppers=peppers)
    return secret


def test_a_key_opens_under_its_pepper_alone(connection: Connection) -> None:
    secret = make(connection, OLD)

    assert keys.find_key_holder(connection, secret, peppers=(OLD,)) is not None
    assert keys.find_key_holder(connection, secret, peppers=(NEW,)) is None
    assert keys.find_key_holder(connection, secret) is None


def test_a_digest_and_its_peppers_fingerprint_are_stored_and_neither_secret(connection: Connection) -> None:
    secret = make(connection, OLD)
    (row,) = connection.execute("SELECT api_key::text AS text FROM api_key").fetchall()

    assert stored(connection) == [(digest_secret(secret, OLD), pepper_fingerprint(OLD))]
    assert OLD not in row["text"]
    assert secret[7:] not in row["text"]


@pytest.mark.parametrize("old", [OLD, NONE])
def test_a_key_of_an_older_pepper_opens_and_is_keyed_anew(connection: Connection, old: str) -> None:
    secret = make(connection, old)

    first = keys.find_key_holder(connection, secret, peppers=(NEW, old))

    assert first is not None
    assert stored(connection) == [(digest_secret(secret, NEW), pepper_fingerprint(NEW))]
    assert keys.find_key_holder(connection, secret, peppers=(NEW,)) == first


def test_nothing_is_written_for_a_key_of_the_newest_pepper(connection: Connection) -> None:
    secret = make(connection, NEW)
    (before,) = connection.execute("SELECT xmin::text AS version FROM api_key").fetchall()
    keys.find_key_holder(connection, secret, peppers=(NEW, OLD))
    (after,) = connection.execute("SELECT xmin::text AS version FROM api_key").fetchall()

    assert before == after


def test_a_revoked_key_is_not_opened_by_a_new_pepper(connection: Connection) -> None:
    secret = make(connection, OLD)
    (key,) = keys.list_keys(connection)
    keys.revoke_key(connection, key_id=key.key_id)

    assert keys.find_key_holder(connection, secret, peppers=(NEW, OLD)) is None


def test_an_ensured_key_stays_one_key_when_the_pepper_changes(connection: Connection) -> None:
    first = keys.ensure_key(connection, key="chosen-by-hand", workspace="default", peppers=(OLD,))

    second = keys.ensure_key(connection, key="chosen-by-hand", workspace="default", peppers=(NEW, OLD))

    assert first == second
    assert stored(connection) == [(digest_secret("chosen-by-hand", NEW), pepper_fingerprint(NEW))]


def test_going_back_and_forth_between_peppers_ends_well(connection: Connection) -> None:
    keys.ensure_key(connection, key="chosen-by-hand", workspace="default", peppers=(NEW,))
    keys.ensure_key(connection, key="chosen-by-hand", workspace="default", peppers=(OLD,))

    keys.ensure_key(connection, key="chosen-by-hand", workspace="default", peppers=(NEW, OLD))

    assert keys.find_key_holder(connection, "chosen-by-hand", peppers=(NEW, OLD)) is not None
