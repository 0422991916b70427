"""Peppers, the secrets that key the digests, and their rotation."""

import pytest

from app import keys
from app.db.connections import Connection
from app.keys.digests import digest_secret, pepper_fingerprint

OLD, NEW = "the-old-pepper-of-this-installation", "the-new-pepper-of-this-installation"
NONE = ""


def stored(connection: Connection) -> list[tuple[bytes, str]]:
    """Return the stored digests with the fingerprints of their peppers."""
    return [(row["digest"], row["pepper"]) for row in connection.execute("SELECT digest, pepper FROM api_key")]


def make(connection: Connection, *peppers: str) -> str:
    """Create a key with *peppers* and return its secret."""
    _, secret = keys.create_key(connection, workspace="shop", label="x", permissions=["*"], peppers=peppers)
    return secret


def test_a_key_is_valid_with_its_pepper_only(connection: Connection) -> None:
    secret = make(connection, OLD)

    assert keys.find_key_holder(connection, secret, peppers=(OLD,)) is not None
    assert keys.find_key_holder(connection, secret, peppers=(NEW,)) is None
    assert keys.find_key_holder(connection, secret) is None


def test_only_the_digest_and_the_fingerprint_of_the_pepper_are_stored(connection: Connection) -> None:
    secret = make(connection, OLD)
    (row,) = connection.execute("SELECT api_key::text AS text FROM api_key").fetchall()

    assert stored(connection) == [(digest_secret(secret, OLD), pepper_fingerprint(OLD))]
    assert OLD not in row["text"]
    assert secret[7:] not in row["text"]


@pytest.mark.parametrize("old", [OLD, NONE])
def test_a_key_of_an_older_pepper_is_valid_and_gets_a_digest_of_the_newest(connection: Connection, old: str) -> None:
    secret = make(connection, old)

    first = keys.find_key_holder(connection, secret, peppers=(NEW, old))

    assert first is not None
    assert stored(connection) == [(digest_secret(secret, NEW), pepper_fingerprint(NEW))]
    assert keys.find_key_holder(connection, secret, peppers=(NEW,)) == first


def test_a_key_of_the_newest_pepper_is_not_written_again(connection: Connection) -> None:
    secret = make(connection, NEW)
    (before,) = connection.execute("SELECT xmin::text AS version FROM api_key").fetchall()
    keys.find_key_holder(connection, secret, peppers=(NEW, OLD))
    (after,) = connection.execute("SELECT xmin::text AS version FROM api_key").fetchall()

    assert before == after


def test_a_new_pepper_does_not_make_a_revoked_key_valid(connection: Connection) -> None:
    secret = make(connection, OLD)
    (key,) = keys.list_keys(connection)
    keys.revoke_key(connection, key_id=key.key_id)

    assert keys.find_key_holder(connection, secret, peppers=(NEW, OLD)) is None


def test_ensuring_a_key_after_a_change_of_the_pepper_creates_no_second_key(connection: Connection) -> None:
    first = keys.ensure_key(connection, key="a-chosen-key", workspace="default", peppers=(OLD,))

    second = keys.ensure_key(connection, key="a-chosen-key", workspace="default", peppers=(NEW, OLD))

    assert first == second
    assert stored(connection) == [(digest_secret("a-chosen-key", NEW), pepper_fingerprint(NEW))]


def test_a_key_stays_valid_when_the_pepper_changes_back_and_forth(connection: Connection) -> None:
    keys.ensure_key(connection, key="a-chosen-key", workspace="default", peppers=(NEW,))
    keys.ensure_key(connection, key="a-chosen-key", workspace="default", peppers=(OLD,))

    keys.ensure_key(connection, key="a-chosen-key", workspace="default", peppers=(NEW, OLD))

    assert keys.find_key_holder(connection, "a-chosen-key", peppers=(NEW, OLD)) is not None
