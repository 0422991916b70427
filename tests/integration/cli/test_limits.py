"""`mergelane limits` on a real database."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app import keys
from app.db.connections import Connection
from app.rates.buckets import Bucket, Limit
from cli.main import main

Run = Callable[..., Result]


@pytest.fixture
def run(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connection: Connection) -> Run:
    """A function that runs `mergelane limits` on the test's database, where there is a workspace `shop`."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    keys.create_key(connection, workspace="shop", label="till", permissions=["*"])
    return lambda *arguments: CliRunner().invoke(main, ["limits", *arguments, "--home", str(tmp_path)])


def test_a_workspace_has_the_limits_of_the_installation_by_default(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERGELANE_RATE_LIMITS", "export=2500/60")
    shown = run("show", "--workspace", "shop").stdout.splitlines()

    assert [line.split() for line in shown] == [
        ["users", "20000/60"],
        ["track", "3000/3"],
        ["export", "2500/60"],
        ["rename", "1000/60"],
        ["remove", "1000/60"],
        ["other", "250000/3600"],
    ]


def test_a_limit_of_a_workspace_is_stored_and_marked(run: Run, connection: Connection) -> None:
    given = run("set", "--workspace", "shop", "users", "100000/60")
    shown = run("show", "--workspace", "shop").stdout.splitlines()

    assert given.exit_code == 0
    assert "may send 100,000 requests in 60 s" in given.stderr
    assert shown[0].split() == ["users", "100000/60", "its", "own"]
    assert keys.read_workspace_limits(connection, workspace="shop") == (Limit(Bucket.USERS, 100_000, 60),)


def test_a_limit_of_a_workspace_can_be_removed(run: Run, connection: Connection) -> None:
    run("set", "--workspace", "shop", "users", "1/60")
    taken = run("unset", "--workspace", "shop", "users")

    assert taken.exit_code == 0
    assert keys.read_workspace_limits(connection, workspace="shop") == ()


@pytest.mark.parametrize(
    "arguments", [("show",), ("set", "users", "1/60"), ("unset", "users")], ids=["show", "set", "unset"]
)
def test_an_unknown_workspace_is_an_error(run: Run, arguments: tuple[str, ...]) -> None:
    refused = run(*arguments, "--workspace", "nowhere")

    assert refused.exit_code == 1
    assert refused.stderr.startswith("Error: There is no workspace 'nowhere'")


@pytest.mark.parametrize("arguments", [("users", "plenty"), ("merges", "1/60")])
def test_an_invalid_limit_is_refused(run: Run, arguments: tuple[str, ...]) -> None:
    assert run("set", "--workspace", "shop", *arguments).exit_code == 2


def test_a_bucket_of_another_version_is_ignored(run: Run, connection: Connection) -> None:
    connection.execute("""UPDATE workspace SET rate_limits = '{"new": "1/60", "track": "9/3"}'""")

    assert keys.read_workspace_limits(connection, workspace="shop") == (Limit(Bucket.TRACK, 9, 3),)
