"""`GET /keys` lists the keys of the workspace with their last use, without their secrets."""

from collections.abc import Callable
from datetime import timedelta

from app import keys
from app.db.connections import Connection
from app.keys.uses import INTERVAL_S, KeyUses
from app.web import key_uses
from tests.support.flask_caller import Caller

MakeCaller = Callable[..., Caller]


def test_keys_are_listed_with_permissions_state_and_last_use(
    caller: Caller, make_caller: MakeCaller, connection: Connection
) -> None:
    reader = make_caller(workspace=caller.workspace, permissions=("keys.read",))
    revoked_id, revoked = keys.create_key(
        connection, workspace=caller.workspace, label="old", permissions=["users.merge"], peppers=()
    )
    keys.create_key(
        connection,
        workspace=caller.workspace,
        label="past",
        permissions=["users.merge"],
        expires_after=timedelta(seconds=-1),
    )
    keys.revoke_key(connection, key_id=revoked_id)
    stranger = make_caller(permissions=("keys.read",))
    response = reader.get("/keys")
    body = response.json or {}
    listed = {each["label"]: each for each in body["keys"]}

    assert response.status_code == 200
    assert {label: listed[label]["state"] for label in ("old", "past")} == {"old": "revoked", "past": "expired"}
    assert listed["old"]["permissions"] == ["users.merge"]
    assert (listed["old"]["last_used_at"], listed["old"]["revoked_at"] is None) == (None, False)
    assert [each["last_used_at"] is None for each in body["keys"] if each["permissions"] == ["keys.read"]] == [False]
    assert revoked not in response.text
    assert len((stranger.get("/keys").json or {})["keys"]) == 1
    assert (caller.get("/keys", limit=1).json or {})["next_cursor"] is not None
    assert make_caller(permissions=("users.merge",)).get("/keys").status_code == 403


def test_the_last_use_is_written_at_most_once_a_minute_by_all_processes(caller: Caller, connection: Connection) -> None:
    def last_use() -> object:
        query = "SELECT last_used_at FROM api_key WHERE workspace_id = %s"
        return connection.execute(query, [caller.workspace_id]).fetchall()

    caller.get("/merge/batches")
    first = last_use()
    caller.get("/merge/batches")
    again = last_use()
    caller.flask.extensions[key_uses.NAME] = KeyUses()
    caller.get("/merge/batches")
    by_another = last_use()
    connection.execute(
        "UPDATE api_key SET last_used_at = last_used_at - make_interval(secs => %s) WHERE workspace_id = %s",
        [INTERVAL_S + 1, caller.workspace_id],
    )
    caller.flask.extensions[key_uses.NAME] = KeyUses()
    caller.get("/merge/batches")

    assert first == again == by_another
    assert last_use() != first


def test_a_request_does_not_wait_for_a_lock_on_its_key(caller: Caller, connection: Connection) -> None:
    with connection.transaction():
        connection.execute("UPDATE api_key SET label = label WHERE workspace_id = %s", [caller.workspace_id])

        assert caller.get("/merge/batches").status_code == 200
