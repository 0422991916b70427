"""A move that cannot succeed ends before it changes anything, with a sentence that names the fault."""

from collections.abc import Callable

import pytest

from app import keys
from app.config import Settings
from app.db.connections import Connection, lend_connection, open_pool
from app.errors import SetupError
from app.moving.moving import Move, MovePlan
from app.moving.workspaces import list_cell_workspaces, start_workspace_ids
from app.system.heartbeats import Heartbeat
from tests.integration.moving.conftest import WORKSPACE

pytestmark = pytest.mark.usefixtures("secret")


def refused(move: Move, here: Connection) -> str:
    """Return why *move* is refused, and assert that the workspace stays open."""
    with pytest.raises(SetupError) as raised:
        move.run()

    assert [each.availability for each in list_cell_workspaces(here)] == ["open"]
    return str(raised.value)


def test_a_workspace_that_does_not_exist(make_move: Callable[..., Move], here: Connection) -> None:
    assert "There is no workspace 'nowhere'" in refused(make_move(workspace="nowhere"), here)


def test_the_cell_itself(here: Connection) -> None:
    move = Move(here, here, MovePlan(workspace=WORKSPACE, name=WORKSPACE, drain_s=0), report=print)

    assert "leads to this cell itself" in refused(move, here)


def test_another_workspace_with_the_name(make_move: Callable[..., Move], here: Connection, there: Connection) -> None:
    keys.create_key(there, workspace=WORKSPACE, label="test", permissions=["*"])

    assert "another workspace 'shop'. Choose a name there with --as" in refused(make_move(), here)
    assert make_move(name="shop-2").run().route_label
    assert {each.name for each in list_cell_workspaces(there)} == {"shop", "shop-2"}


def test_another_workspace_with_the_id(make_move: Callable[..., Move], here: Connection, there: Connection) -> None:
    there.execute("INSERT INTO workspace (workspace_id, name) OVERRIDING SYSTEM VALUE VALUES (1, 'other')")

    assert "has a workspace with the id 1, 'other'. Cells need different ids" in refused(make_move(), here)


def test_a_key_without_a_label(make_move: Callable[..., Move], here: Connection, there: Connection) -> None:
    keys.ensure_key(here, key="chosen-by-an-operator", workspace=WORKSPACE)
    plan = MovePlan(workspace=WORKSPACE, name=WORKSPACE, drain_s=0, permits_unlabelled_keys=True)

    sentence = refused(make_move(), here)

    assert "1 valid keys of 'shop' have no route label" in sentence
    assert "chose… (development key)" in sentence
    assert Move(here, there, plan, report=print).run().route_label


def test_a_revoked_key_needs_no_label(make_move: Callable[..., Move], here: Connection) -> None:
    key_id = keys.ensure_key(here, key="chosen-by-an-operator", workspace=WORKSPACE)
    keys.revoke_key(here, key_id=key_id)

    assert make_move().run().route_label


def test_a_pepper_that_the_other_cell_lacks(make_move: Callable[..., Move], here: Connection, other_url: str) -> None:
    peppers = ("a-pepper-of-this-cell",)
    keys.create_key(here, workspace=WORKSPACE, label="peppered", permissions=["*"], peppers=peppers)

    sentence = refused(make_move(), here)

    assert "The web process of the other cell" in sentence
    assert "lacks a secret of MERGELANE_KEY_PEPPER (fingerprint" in sentence
    settings = Settings(database_url=other_url, key_pepper=peppers)
    with open_pool(settings, name="test") as pool:
        Heartbeat("web", settings, lambda: lend_connection(pool)).beat()
        assert make_move().run().route_label


def test_no_web_of_the_other_cell(make_move: Callable[..., Move], here: Connection, there: Connection) -> None:
    there.execute("DELETE FROM process_heartbeat")

    assert "No web process of the other cell has sent a heartbeat" in refused(make_move(), here)


def test_a_cancelled_move_leaves_another_workspace_with_the_id_alone(
    make_move: Callable[..., Move], here: Connection, there: Connection
) -> None:
    there.execute("INSERT INTO workspace (workspace_id, name) OVERRIDING SYSTEM VALUE VALUES (1, 'other')")
    refused(make_move(), here)

    make_move().cancel()

    assert [each.name for each in list_cell_workspaces(there)] == ["other"]
    with pytest.raises(SetupError, match="leads to this cell itself"):
        Move(here, here, MovePlan(workspace=WORKSPACE, name=WORKSPACE, drain_s=0), report=print).cancel()


def test_another_revision(make_move: Callable[..., Move], here: Connection, there: Connection) -> None:
    there.execute("UPDATE alembic_version SET version_num = '0044'")

    assert "The other cell has the schema 0044" in refused(make_move(), here)


def test_a_cell_has_a_block_of_workspace_ids(here: Connection) -> None:
    assert start_workspace_ids(here, 2_000_001) == 2_000_001
    assert start_workspace_ids(here, 2_000_001) == 2_000_001
    keys.create_key(here, workspace="first", label="test", permissions=["*"])

    assert keys.find_workspaces(here, name="first") == {"first": 2_000_001}
    assert start_workspace_ids(here, 2_000_001) == 2_000_002
    with pytest.raises(SetupError, match="beyond the 1,000,000 ids from 1 on"):
        start_workspace_ids(here, 1)
