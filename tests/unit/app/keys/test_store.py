"""API keys without a database: the permissions of a holder, and invalid new keys."""

from typing import Any
from uuid import UUID

import pytest

from app import keys
from app.errors import SetupError
from app.keys.digests import digest_secret
from app.keys.store import KeyHolder

#: Invalid arguments raise an error before the first query.
NO_DATABASE: Any = None
KEY_ID = UUID("01a202b2-3432-7412-8e3b-9deb98da94b7")


def test_a_holder_has_only_the_permissions_of_the_key() -> None:
    holder = KeyHolder(workspace_id=1, key_id=KEY_ID, permissions=frozenset({"users.merge"}))

    assert holder.may("users.merge")
    assert not holder.may("users.track")


def test_a_star_grants_every_permission() -> None:
    holder = KeyHolder(workspace_id=1, key_id=KEY_ID, permissions=frozenset({"*"}))

    assert all(map(holder.may, keys.PERMISSIONS))


def test_a_digest_does_not_contain_the_secret() -> None:
    assert b"secret" not in digest_secret("secret")
    assert digest_secret("secret") == digest_secret("secret") != digest_secret("Secret")


@pytest.mark.parametrize("workspace", ["", "Shop", "-shop", "a shop", "shop\n", "s" * 64])
def test_a_workspace_needs_a_plain_name(workspace: str) -> None:
    with pytest.raises(SetupError, match="cannot name a workspace"):
        keys.create_key(NO_DATABASE, workspace=workspace, label="shop", permissions=["*"])


@pytest.mark.parametrize("permissions", [[], ["users.merge", "users.everything"], ["users.*"]])
def test_a_permission_must_be_known(permissions: list[str]) -> None:
    with pytest.raises(SetupError, match=r"cannot be given to a key; choose from: users\.track"):
        keys.create_key(NO_DATABASE, workspace="shop", label="shop", permissions=permissions)
