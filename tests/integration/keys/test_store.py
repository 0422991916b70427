"""Keys in the database: create, find, list, revoke and ensure."""

import pytest

from app import keys
from app.db.connections import Connection
from app.errors import SetupError


def test_a_new_key_is_found_with_its_permissions(connection: Connection) -> None:
    key_id, secret = keys.create_key(connection, workspace="shop", label="web shop", permissions=["users.merge"])

    holder = keys.find_key_holder(connection, secret)

    assert holder is not None
    assert holder.key_id == key_id
    assert holder.permissions == {"users.merge"}


def test_a_secret_is_long_and_random_and_not_in_the_database(connection: Connection) -> None:
    _, secret = keys.create_key(connection, workspace="shop", label="web shop", permissions=["*"])
    _, other = keys.create_key(connection, workspace="shop", label="web shop", permissions=["*"])
    rows = connection.execute("SELECT api_key::text AS text FROM api_key").fetchall()

    (workspace,) = connection.execute("SELECT route_label FROM workspace").fetchall()
    public = f"ml_{workspace['route_label']}_"

    assert secret.startswith(public)
    assert len(secret) == len(public) + 43
    assert secret != other
    assert not any(secret[len(public) + 4 :] in row["text"] or secret.encode().hex() in row["text"] for row in rows)


def test_keys_created_with_one_workspace_name_belong_to_one_workspace(connection: Connection) -> None:
    secrets = [keys.create_key(connection, workspace=name, label="x", permissions=["*"])[1] for name in ("a", "a", "b")]

    one, same, other = (keys.find_key_holder(connection, secret) for secret in secrets)

    assert one is not None
    assert same is not None
    assert other is not None
    assert one.workspace_id == same.workspace_id != other.workspace_id


@pytest.mark.parametrize("secret", ["", "ml_", "unknown", "ml_ü", "x" * 10_000])
def test_an_unknown_secret_has_no_holder(connection: Connection, secret: str) -> None:
    keys.create_key(connection, workspace="shop", label="web shop", permissions=["*"])

    assert keys.find_key_holder(connection, secret) is None


def test_a_revoked_key_is_invalid_and_keeps_its_time_of_revocation(connection: Connection) -> None:
    key_id, secret = keys.create_key(connection, workspace="shop", label="web shop", permissions=["*"])

    assert keys.revoke_key(connection, key_id=key_id)
    (first,) = keys.list_keys(connection)
    assert keys.revoke_key(connection, key_id=key_id)
    (second,) = keys.list_keys(connection)

    assert keys.find_key_holder(connection, secret) is None
    assert first.revoked_at is not None
    assert first.revoked_at == second.revoked_at


def test_revoking_an_unknown_key_returns_false(connection: Connection) -> None:
    key_id, _ = keys.create_key(connection, workspace="shop", label="web shop", permissions=["*"])
    connection.execute("DELETE FROM api_key")

    assert not keys.revoke_key(connection, key_id=key_id)


def test_keys_are_listed_with_their_workspace_and_a_hint(connection: Connection) -> None:
    key_id, secret = keys.create_key(connection, workspace="shop", label="web shop", permissions=["users.merge"])
    keys.create_key(connection, workspace="lab", label="script", permissions=["*"])

    (record,) = keys.list_keys(connection, workspace="shop")

    assert (record.key_id, record.workspace, record.label) == (key_id, "shop", "web shop")
    assert record.permissions == ["users.merge"]
    assert record.hint == secret[: len("ml_0123456789_") + 4]
    assert record.revoked_at is None
    assert [one.workspace for one in keys.list_keys(connection)] == ["lab", "shop"]
    assert keys.list_keys(connection, workspace="nowhere") == []


def test_ensuring_a_key_again_changes_only_its_permissions(connection: Connection) -> None:
    first = keys.ensure_key(connection, key="a-chosen-key", workspace="default", permissions=["users.merge"])

    second = keys.ensure_key(connection, key="a-chosen-key", workspace="default", permissions=["*"])

    holder = keys.find_key_holder(connection, "a-chosen-key")
    assert holder is not None
    assert first == second == holder.key_id
    assert holder.permissions == {"*"}


def test_ensuring_a_revoked_key_makes_it_valid_again(connection: Connection) -> None:
    key_id = keys.ensure_key(connection, key="a-chosen-key", workspace="default")
    keys.revoke_key(connection, key_id=key_id)

    keys.ensure_key(connection, key="a-chosen-key", workspace="default")

    assert keys.find_key_holder(connection, "a-chosen-key") is not None


def test_ensuring_a_key_of_another_workspace_fails_and_changes_nothing(connection: Connection) -> None:
    keys.ensure_key(connection, key="a-chosen-key", workspace="shop", permissions=["users.merge"])
    (before,) = keys.list_keys(connection)

    with pytest.raises(SetupError, match="opens another workspace than default"):
        keys.ensure_key(connection, key="a-chosen-key", workspace="default")

    assert keys.list_keys(connection) == [before]


def test_the_hint_of_a_short_secret_does_not_reveal_it(connection: Connection) -> None:
    keys.ensure_key(connection, key="12345678", workspace="default")

    (record,) = keys.list_keys(connection)

    assert record.hint == "12"
