"""Keys with an expiry time."""

from datetime import UTC, datetime, timedelta

from app import keys
from app.db.connections import Connection

DAY = timedelta(days=1)


def expire(connection: Connection) -> None:
    connection.execute("UPDATE api_key SET expires_at = now() - interval '1 microsecond'")


def test_a_key_is_valid_until_it_expires(connection: Connection) -> None:
    _, secret = keys.create_key(connection, workspace="shop", label="x", permissions=["*"], expires_after=DAY)
    before = keys.find_key_holder(connection, secret)
    expire(connection)

    assert before is not None
    assert keys.find_key_holder(connection, secret) is None


def test_a_key_expires_at_its_time_and_never_without_one(connection: Connection) -> None:
    keys.create_key(connection, workspace="shop", label="for a day", permissions=["*"], expires_after=DAY)
    keys.create_key(connection, workspace="shop", label="for ever", permissions=["*"])

    for_a_day, for_ever = keys.list_keys(connection)

    assert for_a_day.expires_at is not None
    assert abs(for_a_day.expires_at - datetime.now(UTC) - DAY) < timedelta(minutes=1)
    assert for_ever.expires_at is None


def test_a_listed_key_has_its_state(connection: Connection) -> None:
    key_id, _ = keys.create_key(connection, workspace="shop", label="x", permissions=["*"], expires_after=DAY)
    states = [keys.list_keys(connection)[0].state]
    expire(connection)
    states.append(keys.list_keys(connection)[0].state)
    keys.revoke_key(connection, key_id=key_id)
    states.append(keys.list_keys(connection)[0].state)

    assert states == ["open", "expired", "revoked"]


def test_ensuring_an_expired_key_makes_it_valid_again(connection: Connection) -> None:
    keys.ensure_key(connection, key="a-chosen-key", workspace="default")
    expire(connection)

    keys.ensure_key(connection, key="a-chosen-key", workspace="default")

    assert keys.find_key_holder(connection, "a-chosen-key") is not None


def test_keys_are_found_by_a_prefix_of_their_secret(connection: Connection) -> None:
    sought, secret = keys.create_key(connection, workspace="shop", label="x", permissions=["*"])
    keys.ensure_key(connection, key="a-chosen-key", workspace="default")

    for prefix in (secret[:5], secret[:7], secret[:20], secret):
        assert [key.key_id for key in keys.list_keys(connection, prefix=prefix)] == [sought]
    assert keys.list_keys(connection, prefix="xy") == []
    assert keys.list_keys(connection, prefix="%") == []
