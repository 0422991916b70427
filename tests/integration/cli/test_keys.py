"""`mergelane keys` on a real database."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app import keys
from app.db.connections import Connection
from cli.main import main

Run = Callable[..., Result]
CREATE = ("create", "--workspace", "shop", "--label", "till 3", "--permission", "users.merge")


@pytest.fixture
def run(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A function that runs `mergelane keys` on the test's database."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    return lambda *arguments: CliRunner().invoke(main, ["keys", *arguments, "--home", str(tmp_path)])


def test_the_secret_that_is_printed_opens_the_workspace(run: Run, connection: Connection) -> None:
    made = run(*CREATE, "--permission", "users.track")
    holder = keys.find_key_holder(connection, made.stdout.strip())

    assert made.exit_code == 0
    assert holder is not None
    assert holder.permissions == {"users.merge", "users.track"}


def test_only_the_secret_is_printed_to_standard_output(run: Run) -> None:
    made = run(*CREATE)

    assert re.fullmatch(r"ml_\S+\n", made.stdout)
    assert "never printed again" in made.stderr


def test_keys_are_listed_with_their_prefixes_and_without_their_secrets(run: Run) -> None:
    secret = run(*CREATE).stdout.strip()
    listed = run("list").stdout

    assert secret not in listed
    assert {"shop", "users.merge", "open", f"{secret[:18]}…"} <= set(listed.split())
    assert listed.rstrip().endswith("till 3")


def test_the_keys_of_one_workspace_can_be_listed(run: Run) -> None:
    run(*CREATE)
    run("create", "--workspace", "elsewhere", "--label", "x", "--permission", "*")

    assert "till 3" not in run("list", "--workspace", "elsewhere").stdout


def test_an_empty_list_says_how_to_create_a_key(run: Run) -> None:
    listed = run("list")

    assert listed.exit_code == 0
    assert listed.stdout == ""
    assert "Create one with `mergelane keys create`" in listed.stderr


def test_keys_are_found_by_the_prefixes_of_their_secrets(run: Run) -> None:
    secret = run(*CREATE).stdout.strip()
    run("create", "--workspace", "elsewhere", "--label", "another", "--permission", "*")
    found = run("find", secret[:6])

    assert found.exit_code == 0
    assert "till 3" in found.stdout
    assert "another" not in found.stdout


def test_a_prefix_of_no_key_prints_a_sentence(run: Run) -> None:
    found = run("find", "xyz")

    assert found.exit_code == 1
    assert found.stderr == "Error: No secret begins with this prefix. List all keys with `mergelane keys list`.\n"


def test_a_key_that_expires_is_listed_with_its_date_and_state(run: Run, connection: Connection) -> None:
    made = run(*CREATE, "--expires", "90d")
    fresh = run("list").stdout.splitlines()[1].split()
    connection.execute("UPDATE api_key SET expires_at = '2026-01-31T12:00:00Z'")

    assert made.exit_code == 0
    assert "open" in fresh
    assert "never" not in fresh
    assert {"expired", "2026-01-31"} <= set(run("list").stdout.split())
    assert keys.find_key_holder(connection, made.stdout.strip()) is None


@pytest.mark.parametrize("span", ["90", "d", "0d", "-1d", "1y", "1.5d", "99999w", "90 d"])
def test_an_invalid_span_is_refused(run: Run, span: str) -> None:
    refused = run(*CREATE, "--expires", span)

    assert refused.exit_code == 2
    assert "is not a duration. Write it as 12h, 90d or 52w." in refused.stderr


@pytest.mark.parametrize("span", ["1h", "90d", "52w"])
def test_a_span_is_written_with_its_unit(run: Run, span: str) -> None:
    assert run(*CREATE, "--expires", span).exit_code == 0


def test_keys_are_made_under_the_pepper_of_the_environment(
    run: Run, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MERGELANE_KEY_PEPPER", "a-pepper-of-some-length")
    secret = run(*CREATE).stdout.strip()

    assert keys.find_key_holder(connection, secret) is None
    assert keys.find_key_holder(connection, secret, peppers=("a-pepper-of-some-length",)) is not None


def test_a_revoked_key_authenticates_nothing_and_is_listed_as_revoked(run: Run, connection: Connection) -> None:
    secret = run(*CREATE).stdout.strip()
    key_id = run("list").stdout.splitlines()[1].split()[0]
    revoked = run("revoke", key_id)

    assert revoked.exit_code == 0
    assert keys.find_key_holder(connection, secret) is None
    assert "revoked" in run("list").stdout


def test_revoking_an_unknown_key_is_an_error(run: Run) -> None:
    revoked = run("revoke", "0198e7d0-0000-7000-8000-000000000000")

    assert revoked.exit_code == 1
    assert revoked.stderr.startswith("Error: There is no key 0198e7d0")


@pytest.mark.parametrize(
    "arguments",
    [
        ("create", "--workspace", "shop", "--label", "x", "--permission", "users.fly"),
        ("create", "--workspace", "No Such Name", "--label", "x", "--permission", "*"),
    ],
)
def test_an_invalid_name_is_refused_with_one_sentence(run: Run, arguments: tuple[str, ...]) -> None:
    refused = run(*arguments)

    assert refused.exit_code == 1
    assert refused.stderr.startswith("Error: ")
    assert len(refused.stderr.splitlines()) == 1


def test_a_key_needs_a_permission(run: Run) -> None:
    assert run("create", "--workspace", "shop", "--label", "x").exit_code == 2


def test_without_a_database_the_error_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    refused = CliRunner().invoke(main, ["keys", "list", "--home", str(tmp_path)])

    assert refused.exit_code == 1
    assert "DATABASE_URL is not set and no `mergelane up` runs on" in refused.stderr
