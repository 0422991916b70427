"""`mergelane workspaces` and `mergelane migrate --first-workspace-id`, on two databases."""

from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from app import keys
from app.config import Settings
from app.db.connections import lend_connection, open_pool
from app.system.heartbeats import Heartbeat
from cli.database import session
from cli.main import main
from tests.support.postgres import Databases

Run = Callable[..., Result]


@pytest.fixture
def run(database_url: str) -> Run:
    """A function that runs `mergelane` with words on the test's database."""

    def run(*words: str, url: str = database_url) -> Result:
        return CliRunner(env={"DATABASE_URL": url}).invoke(main, words)

    return run


@pytest.fixture
def other_url(databases: Databases, run: Run) -> Iterator[str]:
    """The URL of the database of another cell, whose web has sent a heartbeat."""
    with databases.lend(databases.create()) as url:
        migrated = run("migrate", "--first-workspace-id", "1000001", url=url)
        assert "The next workspace gets the id 1,000,001." in migrated.stdout
        settings = Settings(database_url=url, cell="eu-2")
        with open_pool(settings, name="test") as pool:
            Heartbeat("web", settings, lambda: lend_connection(pool)).beat()
            yield url


@pytest.fixture
def label(database_url: str) -> str:
    """The route label of the workspace `shop`."""
    with session(Settings(), database_url, name="test") as connection:
        keys.create_key(connection, workspace="shop", label="test", permissions=["*"])
        (row,) = connection.execute("SELECT route_label FROM workspace").fetchall()
    found: str = row["route_label"]
    return found


def test_workspaces_are_listed_with_their_labels(run: Run, label: str) -> None:
    listed = run("workspaces", "list")

    assert listed.stdout.split()[-4:] == ["shop", "1", label, "open"]


def test_without_workspaces_the_list_says_how_to_make_one(run: Run) -> None:
    assert "mergelane keys create" in run("workspaces", "list").stderr


def test_a_workspace_is_moved_and_forgotten(run: Run, label: str, other_url: str) -> None:
    moved = run("workspaces", "move", "shop", "--to", other_url, "--drain", "0")
    here, there = run("workspaces", "list").stdout, run("workspaces", "list", url=other_url).stdout
    forgotten = run("workspaces", "forget", "shop")

    assert moved.exit_code == 0, moved.output
    assert f"nginx:    {label} eu-2;" in moved.stdout.splitlines()
    assert f"HAProxy:  {label} eu-2" in moved.stdout.splitlines()
    assert "requests get 503 with Retry-After" in moved.stderr
    assert here.split()[-4:] == ["shop", "1", label, "moved"]
    assert there.split()[-4:] == ["shop", "1", label, "open"]
    assert "Deleted the rows of 'shop'" in forgotten.stderr
    assert run("workspaces", "list").stdout == ""


def test_a_move_that_did_not_begin_can_be_cancelled(run: Run, label: str, other_url: str) -> None:
    cancelled = run("workspaces", "move", "shop", "--to", other_url, "--cancel")

    assert "is open here again" in cancelled.stderr
    assert run("workspaces", "list").stdout.split()[-1] == "open"


def test_a_workspace_that_has_not_moved_is_kept(run: Run, label: str) -> None:
    refused = run("workspaces", "forget", "shop")

    assert refused.exit_code == 1
    assert "has not moved to another cell" in refused.stderr


@pytest.mark.parametrize("url", ["nonsense", "postgresql://127.0.0.1:1/nowhere"])
def test_an_invalid_or_unreachable_url_is_reported(run: Run, label: str, url: str) -> None:
    refused = run("workspaces", "move", "shop", "--to", url)

    assert refused.exit_code == 1
    assert "--to" in refused.stderr
