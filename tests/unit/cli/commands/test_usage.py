"""Commands refuse wrong options with a sentence that names the remedy."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import main

KEY = {"MERGELANE_API_KEY": "a-key-of-nobody", "MERGELANE_URL": "http://127.0.0.1:1"}
JOB_ID = "0198e7d0-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["merge", "-"], "Name the outcome file by --outcomes"),
        (["merge", "-", "--outcomes", "x.csv"], "Add --format csv or --format jsonl"),
        (["profiles", "import", "-"], "Add --format and --report"),
        (["profiles", "export", "x.jsonl", "--field", "firstname"], "Profiles have no member 'firstname'"),
        (["limits", "set", "--workspace", "w", "users", "many"], "REQUESTS/SECONDS"),
    ],
)
def test_wrong_usage_names_the_remedy(arguments: list[str], sentence: str) -> None:
    result = CliRunner(env=KEY).invoke(main, arguments)

    assert result.exit_code == 2
    assert sentence in result.stderr


def test_an_empty_key_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("\n", encoding="utf-8")
    result = CliRunner().invoke(main, ["batches", "list", "--key-file", str(tmp_path / "key")])

    assert result.exit_code == 1
    assert f"The first line of {tmp_path / 'key'} is empty" in result.stderr


def test_changes_of_a_job_need_a_key() -> None:
    result = CliRunner(env={"MERGELANE_API_KEY": None}).invoke(main, ["jobs", "show", JOB_ID, "--changes"])

    assert result.exit_code == 1
    assert "No API key. Set MERGELANE_API_KEY" in result.stderr
