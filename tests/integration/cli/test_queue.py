"""`mergelane queue` on a real database."""

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from app import keys
from app.db.connections import Connection
from cli.main import main
from tests.support.postgres import make_database_url

database_url = make_database_url(scope="module")

Run = Callable[..., Result]


@pytest.fixture
def run(connection: Connection, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A function that runs `mergelane queue` on a database with the workspaces `shop` and `books`."""
    for workspace in ("shop", "books"):
        keys.create_key(connection, workspace=workspace, label="test", permissions=["*"])
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.delenv("MERGELANE_API_KEY", raising=False)
    return lambda *arguments: CliRunner().invoke(main, ["queue", *arguments, "--home", str(tmp_path)])


def states(run: Run) -> dict[str, str]:
    return {each["workspace"]: each["state"] for each in orjson.loads(run("show", "--all", "--json").stdout)}


def test_a_workspace_is_paused_and_all_are_resumed(run: Run) -> None:
    paused = run("pause", "--workspace", "shop")
    before = states(run)
    resumed = run("resume", "--all")

    assert (paused.exit_code, paused.stderr) == (
        0,
        "The queue of the workspace 'shop' is paused: 0 jobs wait, 0 run.\n",
    )
    assert (before["shop"], before["books"]) == ("paused", "running")
    assert resumed.exit_code == 0
    assert set(states(run).values()) == {"running"}


def test_a_limit_is_set_displayed_and_removed(run: Run) -> None:
    limited = run("limit", "1200", "--workspace", "shop")
    shown = run("show", "--workspace", "shop")
    unlimited = run("limit", "--none", "--workspace", "shop")

    assert "begins at most 1,200 jobs in a minute" in limited.stderr
    assert "merges_per_minute_limit  1200" in shown.stdout
    assert "has no limit" in unlimited.stderr
    assert "merges_per_minute_limit" not in run("show", "--workspace", "shop").stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["show"], "Name the workspace with --workspace"),
        (["pause", "--workspace", "nobodys"], "There is no workspace 'nobodys'"),
        (["pause", "--workspace", "shop", "--all"], "Use either --workspace or --all."),
        (["limit", "--workspace", "shop"], "Give either LIMIT or --none."),
        (["limit", "5", "--none", "--workspace", "shop"], "Give either LIMIT or --none."),
        (["limit", "0", "--workspace", "shop"], "0 is not in the range"),
    ],
)
def test_a_command_with_too_few_or_too_many_arguments_is_refused(run: Run, arguments: list[str], sentence: str) -> None:
    result = run(*arguments)

    assert result.exit_code != 0
    assert sentence in result.stderr
