"""`mergelane identities` against the running product."""

import builtins
import csv
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest

from cli.bulk import identity_export
from cli.commands.identities import NO_PYARROW
from tests.project.tree import pyproject
from tests.support.client import Client
from tests.support.commands import ext_pair, make_profiles, read_lines, run
from tests.support.waiting import wait_until

Json = dict[str, Any]

FORMULA = "=1+1"


def merge(client: Client, orphan: str, survivor: str) -> None:
    """Merge two profiles, and wait until the change is in the feed."""
    before = len(changes(client))
    body = {"merge_updates": [ext_pair(orphan, survivor)]}
    response = client.post("/users/merge", body, Prefer="wait=20")

    assert response.json()["batch"]["counts"] == {"merged": 1}
    wait_until(lambda: len(changes(client)) == before + 1)


def changes(client: Client) -> list[Json]:
    found: list[Json] = client.get("/identities", limit=1000).json()["changes"]
    return found


def test_each_format_has_the_same_changes_and_the_cursor_continues(client: Client, tmp_path: Path) -> None:
    make_profiles(client, ["a", FORMULA, "c"])
    merge(client, "a", FORMULA)
    done = {form: run(client, "identities", "export", tmp_path / f"x.{form}") for form in ("jsonl", "csv", "parquet")}

    (line,) = read_lines(tmp_path / "x.jsonl")
    (row,) = csv.DictReader((tmp_path / "x.csv").read_text(encoding="utf-8").splitlines())
    parquet = duckdb.sql(f"SELECT * REPLACE (number::integer AS number) FROM '{tmp_path}/x.parquet'")
    (change,) = changes(client)
    assert {each.returncode for each in done.values()} == {0}
    assert {each.stdout.decode().strip() for each in done.values()} == {change["cursor"]}
    assert (line["kind"], line["orphan_external_id"], line["survivor_external_id"]) == ("merge", "a", FORMULA)
    assert {**row, "survivor_external_id": FORMULA} == {
        name: "" if value is None else str(value) for name, value in line.items()
    }
    assert row["survivor_external_id"] == f"'{FORMULA}"
    assert [column[0] for column in parquet.description] == list(line)
    (values,) = parquet.fetchall()
    assert {name: value for name, value in zip(line, values, strict=True) if name != "at"} == {
        name: value for name, value in line.items() if name != "at"
    }

    merge(client, FORMULA, "c")
    since = run(client, "identities", "export", tmp_path / "y.jsonl", "--since", change["cursor"])
    again = run(client, "identities", "export", tmp_path / "x.jsonl")

    assert [each["number"] for each in read_lines(tmp_path / "y.jsonl")] == [2]
    assert [each["number"] for each in read_lines(tmp_path / "x.jsonl")] == [1, 2]
    assert since.stdout == again.stdout != done["jsonl"].stdout
    piped = run(client, "identities", "export", "-")
    assert list(map(orjson.loads, piped.stdout.splitlines())) == read_lines(tmp_path / "x.jsonl")
    assert since.stdout.strip() in piped.stderr


def test_every_id_is_exported_with_its_survivor_and_the_cursor_of_the_feed(client: Client, tmp_path: Path) -> None:
    make_profiles(client, ["a", "b"])
    merge(client, "a", "b")
    done = run(client, "identities", "survivors", tmp_path / "ids.parquet")

    rows = duckdb.sql(
        f"SELECT id, state, survivor_external_id FROM '{tmp_path}/ids.parquet' WHERE id_type = 'external_id'"
    )
    assert sorted(rows.fetchall()) == [("a", "merged", "b"), ("b", "current", "b")]
    assert done.stdout.decode().strip() == changes(client)[-1]["cursor"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ids.parquet"]


def test_an_interrupted_export_resumes_with_every_change_once(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"p{number}" for number in range(6)]
    make_profiles(client, names)
    for orphan, survivor in pairwise(names):
        merge(client, orphan, survivor)
    monkeypatch.setattr("cli.bulk.identity_export.MAX_CHANGES", 2)
    written: list[bytes] = []

    def interrupt(form: Any, *rest: Any) -> bytes:
        written.append(original(form, *rest))
        if len(written) == 2:
            raise KeyboardInterrupt
        return written[-1]

    original = identity_export.format_rows
    monkeypatch.setattr(identity_export, "format_rows", interrupt)
    for file in ("x.csv", "x.parquet"):
        written.clear()
        stopped = run(client, "identities", "export", tmp_path / file)
        done = run(client, "identities", "export", tmp_path / file)

        assert (stopped.returncode, done.returncode) == (130, 0)
        found = duckdb.sql(f"SELECT number FROM '{tmp_path}/{file}'").fetchall()
        assert found == [(number,) for number in range(1, 6)]


def test_unusable_outputs_and_cursors_are_refused_in_one_sentence(client: Client, tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"mine")
    for words, sentence in (
        (("export", "x"), "Use the extension .csv, .jsonl or .parquet"),
        (("export", tmp_path / "x.parquet"), "exists already"),
        (("export", "-", "--format", "parquet"), "Parquet cannot be written to standard output"),
        (("export", tmp_path / "x.csv", "--since", "nonsense"), "'cursor' must be the next_cursor"),
        (("export", tmp_path / "no" / "x.parquet"), "cannot be written: No such file or directory"),
    ):
        done = run(client, "identities", *words)

        assert done.returncode == 1
        assert re.fullmatch(r"Error: [^\n]*\n", done.stderr.decode())
        assert sentence in done.stderr.decode()
    assert (tmp_path / "x.parquet").read_bytes() == b"mine"


def test_the_error_without_pyarrow_names_the_command_that_installs_it(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = builtins.__import__

    def refuse(name: str, *rest: Any, **options: Any) -> Any:
        if name == "cli.bulk.outputs.parquet":
            raise ImportError(name)
        return find(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    done = run(client, "identities", "export", tmp_path / "x.parquet")

    (requirement,) = pyproject()["project"]["optional-dependencies"]["parquet"]
    assert done.stderr.decode() == f"Error: {NO_PYARROW}\n"
    assert f"`pip install '{requirement}'`" in NO_PYARROW
