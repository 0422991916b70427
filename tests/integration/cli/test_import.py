"""An import without a server."""

from pathlib import Path

from click.testing import CliRunner

from cli.main import main

KEY = {"MERGELANE_API_KEY": "a-key-of-nobody", "MERGELANE_URL": "http://127.0.0.1:1"}


def test_an_import_without_a_server_can_be_repeated(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text('{"external_id": "a", "name": "n", "time": "2026-05-01T12:00:00Z"}\n', encoding="utf-8")
    command = ["profiles", "import", str(file), "--as", "events", "--patience", "0"]
    results = [CliRunner(env=KEY).invoke(main, command) for _ in range(2)]

    assert [repr(result.exception) for result in results] == ["SystemExit(1)"] * 2
    assert {result.stderr for result in results} == {"Error: http://127.0.0.1:1 does not respond (ConnectionError).\n"}
