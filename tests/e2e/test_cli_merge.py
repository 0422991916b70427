"""`mergelane merge` against the running product: every line has one outcome, also after an interruption."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from tests.support.client import Client
from tests.support.commands import (
    ext_pair,
    make_profiles,
    process,
    read_lines,
    read_rows,
    run,
    write_lines,
)
from tests.support.system import System
from tests.support.waiting import wait_until

MANY = 1_000
SOME = 400
BAD = '{"identifier_to_merge": {"external_id": 5}, "identifier_to_keep": {"external_id": "x"}}'


def outcomes_in(path: Path) -> list[str]:
    """Return the outcomes in an outcome file, in the order of its lines."""
    return [each["outcome"] for each in read_lines(path)]


def state(outcomes: Path) -> dict[str, object]:
    """Return the state file of the outcome file."""
    path = outcomes.with_name(outcomes.name + ".state")
    found: dict[str, object] = orjson.loads(path.read_bytes()) if path.exists() else {"written": 0, "lines": 0}
    return found


def batches(client: Client) -> list[dict[str, object]]:
    """Return all batches of the workspace."""
    page = client.get("/merge/batches", limit=100).json()

    assert page["next_cursor"] is None
    found: list[dict[str, object]] = page["batches"]
    return found


def merge_file(client: Client, path: Path, count: int) -> Path:
    """Write a merge file of *count* pairs whose profiles exist, and return its path."""
    make_profiles(client, [f"{role}-{number}" for number in range(count) for role in ("orphan", "survivor")])
    return write_lines(path, (ext_pair(f"orphan-{n}", f"survivor-{n}") for n in range(count)))


@pytest.fixture
def many(client: Client, tmp_path: Path) -> Path:
    """A merge file of MANY pairs."""
    return merge_file(client, tmp_path / "many.jsonl", MANY)


@pytest.fixture
def some(client: Client, tmp_path: Path) -> Path:
    """A merge file of SOME pairs, enough to be interrupted."""
    return merge_file(client, tmp_path / "some.jsonl", SOME)


def test_a_command_that_is_killed_three_times_merges_every_pair_once(
    client: Client, many: Path, tmp_path: Path
) -> None:
    outcomes = tmp_path / "many.outcomes.jsonl"
    command = process(client, tmp_path, "merge", many)
    kills = 0
    for least in (1, 300, 650):
        command.start()
        wait_until(
            lambda least=least: int(str(state(outcomes)["lines"])) >= least or not command.running,
            seconds=60,
            every=0.005,
        )
        kills += command.running
        command.kill()
    done = run(client, "merge", many)

    results = read_lines(outcomes)
    assert kills == 3
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == f"1,000 pairs: merged 1,000. The outcomes are in {outcomes}.\n"
    assert [each["line"] for each in results] == list(range(1, MANY + 1))
    assert {each["outcome"] for each in results} == {"merged"}
    assert [each["identifier_to_merge"]["external_id"] for each in results] == [f"orphan-{n}" for n in range(MANY)]
    assert len({each["job_id"] for each in results}) == MANY
    assert sum(batch["counts"]["merged"] for batch in batches(client)) == MANY  # type: ignore[index,misc]


def test_a_finished_command_prints_the_same_again_and_merges_nothing(client: Client, tmp_path: Path) -> None:
    make_profiles(client, ["a", "b"])
    file = write_lines(tmp_path / "pairs.jsonl", [ext_pair("a", "b")])
    first, second = run(client, "merge", file), run(client, "merge", file)

    assert (first.returncode, first.stdout) == (second.returncode, second.stdout)
    assert len(batches(client)) == 1


def test_the_option_again_repeats_a_merge_and_other_runs_report_the_first_outcomes(
    client: Client, tmp_path: Path
) -> None:
    make_profiles(client, ["a", "b"])
    file = write_lines(tmp_path / "pairs.jsonl", [ext_pair("a", "b")])
    outcomes = tmp_path / "pairs.outcomes.jsonl"
    run(client, "merge", file)
    (first,) = read_lines(outcomes)
    elsewhere = tmp_path / "elsewhere.jsonl"
    repeated = run(client, "merge", file, "--outcomes", elsewhere)
    run(client, "merge", file, "--again")

    assert b"This file was sent before" in repeated.stderr
    assert read_lines(elsewhere) == [first]
    assert [each["outcome"] for each in read_lines(outcomes)] == ["already_merged"]


def test_a_changed_file_and_an_outcome_file_that_is_the_input_are_refused(client: Client, tmp_path: Path) -> None:
    file = write_lines(tmp_path / "pairs.jsonl", [ext_pair("a", "b")])
    run(client, "merge", file)
    write_lines(file, [ext_pair("a", "c")])
    changed = run(client, "merge", file)
    strange = run(client, "merge", file, "--outcomes", file)

    assert changed.returncode == strange.returncode == 1
    assert b"changed since this run started" in changed.stderr
    assert b"is the input file" in strange.stderr
    assert read_lines(file) == [ext_pair("a", "c")]


def test_a_key_of_another_workspace_cannot_resume_a_run(
    client: Client, system: System, some: Path, tmp_path: Path
) -> None:
    outcomes = tmp_path / "some.outcomes.jsonl"
    command = process(client, tmp_path, "merge", some).start()
    wait_until(lambda: state(outcomes)["lines"], seconds=60, every=0.005)
    command.kill()
    stranger = system.new_client()
    refused = run(stranger, "merge", some)

    assert refused.returncode == 1
    assert b"the key belongs to another workspace" in refused.stderr
    assert batches(stranger) == []


def test_a_run_that_resumes_after_months_warns_of_forgotten_batches(client: Client, some: Path, tmp_path: Path) -> None:
    outcomes = tmp_path / "some.outcomes.jsonl"
    command = process(client, tmp_path, "merge", some).start()
    wait_until(lambda: state(outcomes)["lines"], seconds=60, every=0.005)
    command.kill()
    old = {**state(outcomes), "saved_at": "2026-01-01T00:00:00+00:00"}
    outcomes.with_name(outcomes.name + ".state").write_bytes(orjson.dumps(old))
    done = run(client, "merge", some)

    assert done.returncode == 0
    assert b"Mergelane may have forgotten the batches" in done.stderr
    assert len(read_lines(outcomes)) == SOME


def test_bad_lines_are_reported_and_the_others_are_merged(client: Client, tmp_path: Path) -> None:
    make_profiles(client, ["a", "b"])
    file = tmp_path / "pairs.jsonl"
    good = orjson.dumps(ext_pair("a", "b")).decode()
    file.write_text(f'{BAD}\n\nnot json\n[]\n{good}\n{good[:-1]}, "more": 1}}', encoding="utf-8")
    done = run(client, "merge", file)

    results = read_lines(tmp_path / "pairs.outcomes.jsonl")
    assert done.returncode == 4
    assert done.stdout.startswith(b"5 pairs: invalid 4, merged 1.")
    assert [(each["line"], each["outcome"]) for each in results] == [
        (1, "invalid"),
        (3, "invalid"),
        (4, "invalid"),
        (5, "merged"),
        (6, "invalid"),
    ]
    assert results[0]["reason"].startswith("identifiers must be objects with an 'external_id'")
    assert results[0]["identifier_to_merge"] == {"external_id": 5}
    assert results[4]["reason"] == "'merge_updates' must only have 'identifier_to_merge' and 'identifier_to_keep'"


CSV = """\
merge_external_id,merge_alias_label,merge_alias_name,merge_email,merge_phone,merge_prioritization,keep_external_id,note
{0}-gone,,,,,,{0}-stays,"a person, and
a note"
,shop,{0}-guest,,,,{0}-stays,
,,,{0}@example.com,,unidentified most_recently_updated,{0}-stays,
,,,,+1415555{1},unidentified,{0}-stays,
{0}-gone,,,{0}@example.com,,,{0}-stays,two kinds at once
"""


def make_csv_people(client: Client, name: str, number: str) -> None:
    """Make the profiles that CSV names."""
    new = {"_update_existing_only": False}
    client.track(
        attributes=[
            {"external_id": f"{name}-gone", "first_name": "G"},
            {"external_id": f"{name}-stays", "first_name": "S"},
            {"user_alias": {"alias_label": "shop", "alias_name": f"{name}-guest"}, **new},
            {"user_alias": {"alias_label": "mail", "alias_name": name}, "email": f"{name}@example.com", **new},
            {"user_alias": {"alias_label": "call", "alias_name": name}, "phone": f"+1415555{number}", **new},
        ]
    )


def test_csv_and_jsonl_can_name_every_kind_of_identifier(client: Client, tmp_path: Path) -> None:
    make_csv_people(client, "ada", "0101")
    source = tmp_path / "pairs.csv"
    source.write_text("\ufeff" + CSV.format("ada", "0101"), encoding="utf-8")
    done = run(client, "merge", source)
    run(client, "merge", source, "--dry-run", "--outcomes", tmp_path / "after.jsonl")
    rows, objects = read_rows(tmp_path / "pairs.outcomes.csv"), read_lines(tmp_path / "after.jsonl")

    assert done.returncode == 4, done.stderr
    assert [(row["line"], row["outcome"]) for row in rows] == [
        ("2", "merged"),
        ("4", "merged"),
        ("5", "merged"),
        ("6", "merged"),
        ("7", "invalid"),
    ]
    assert rows[2]["merge_prioritization"] == "unidentified most_recently_updated"
    assert len({row["survivor_braze_id"] for row in rows[:4]}) == 1
    assert [each["identifier_to_merge"] for each in objects[:4]] == [
        {"external_id": "ada-gone"},
        {"user_alias": {"alias_label": "shop", "alias_name": "ada-guest"}},
        {"email": "ada@example.com", "prioritization": ["unidentified", "most_recently_updated"]},
        {"phone": "+14155550101", "prioritization": ["unidentified"]},
    ]
    # An outcome file can be merged again without changes: neither format loses an identifier.
    again = write_lines(
        tmp_path / "again.jsonl",
        [{side: each[side] for side in ("identifier_to_merge", "identifier_to_keep")} for each in objects],
    )
    run(client, "merge", tmp_path / "pairs.outcomes.csv", "--dry-run", "--outcomes", tmp_path / "one.csv")
    run(client, "merge", again, "--dry-run", "--outcomes", tmp_path / "two.csv")
    one, two = read_rows(tmp_path / "one.csv"), read_rows(tmp_path / "two.csv")
    assert [{**row, "line": ""} for row in one] == [{**row, "line": ""} for row in two]


def test_a_dry_run_reports_the_expected_outcomes_and_changes_nothing(client: Client, tmp_path: Path) -> None:
    make_profiles(client, ["a", "b"])
    file = write_lines(tmp_path / "pairs.jsonl", [ext_pair("a", "b"), ext_pair("a", "b"), ext_pair("x", "b")])
    done = run(client, "merge", file, "--dry-run")

    assert done.returncode == 0
    assert outcomes_in(tmp_path / "pairs.preview.jsonl") == ["merged", "already_merged", "orphan_not_found"]
    assert batches(client) == []
    assert len(client.export(external_ids=["a", "b"])) == 2


def test_every_dry_run_starts_over_and_the_merge_writes_another_file(client: Client, tmp_path: Path) -> None:
    make_profiles(client, ["a", "b"])
    file = write_lines(tmp_path / "pairs.jsonl", [ext_pair("a", "b"), ext_pair("x", "b")])
    run(client, "merge", file, "--dry-run")
    make_profiles(client, ["x"])
    again = run(client, "merge", file, "--dry-run")
    merged = run(client, "merge", file)

    assert (again.returncode, merged.returncode) == (0, 0)
    assert outcomes_in(tmp_path / "pairs.preview.jsonl") == ["merged", "merged"]
    assert outcomes_in(tmp_path / "pairs.outcomes.jsonl") == ["merged", "merged"]


def test_pairs_that_share_an_identifier_are_merged_in_the_order_of_the_file(client: Client, tmp_path: Path) -> None:
    chain = [f"link-{number}" for number in range(160)]
    make_profiles(client, chain)
    # The first of two merges of one orphan takes effect, although the second is in another batch.
    pairs = [ext_pair(chain[n], chain[n + 1]) for n in range(159)] + [ext_pair(chain[0], chain[5])]
    done = run(client, "merge", write_lines(tmp_path / "chain.jsonl", pairs), "--concurrency", 8)

    outcomes = [each["outcome"] for each in read_lines(tmp_path / "chain.outcomes.jsonl")]
    assert done.returncode == 0
    assert outcomes == ["merged"] * 159 + ["already_merged"]


def test_pairs_from_standard_input_are_merged(client: Client, tmp_path: Path) -> None:
    make_profiles(client, ["a", "b"])
    feed = orjson.dumps(ext_pair("a", "b"))
    outcomes = tmp_path / "piped.csv"
    done = run(client, "merge", "-", "--format", "jsonl", "--outcomes", outcomes, feed=feed)

    assert done.returncode == 0, done.stderr
    assert [row["outcome"] for row in read_rows(outcomes)] == ["merged"]


def test_ctrl_c_ends_the_command_at_once_with_a_hint_to_resume(client: Client, some: Path, tmp_path: Path) -> None:
    outcomes = tmp_path / "some.outcomes.jsonl"
    command = process(client, tmp_path, "merge", some).start()
    wait_until(lambda: state(outcomes)["lines"], seconds=60, every=0.005)
    command.send(signal.SIGINT)
    begun = time.monotonic()

    assert command.ended(seconds=20) == 130
    assert time.monotonic() - begun < 5
    assert "Run the same command again to resume" in command.log
    assert run(client, "merge", some).returncode == 0
    assert len(read_lines(outcomes)) == SOME


def test_the_command_waits_for_a_web_process_that_restarts(start_system: Callable[..., System], tmp_path: Path) -> None:
    system = start_system()
    client = system.client
    make_profiles(client, [f"{role}-{n}" for n in range(300) for role in ("o", "s")])
    file = write_lines(tmp_path / "pairs.jsonl", (ext_pair(f"o-{n}", f"s-{n}") for n in range(300)))
    outcomes = tmp_path / "pairs.outcomes.jsonl"
    command = process(client, tmp_path, "merge", file).start()
    wait_until(lambda: state(outcomes)["lines"], seconds=60, every=0.005)
    system.web.kill()
    command.says("Retrying.")
    gave_up = run(client, "merge", file, "--outcomes", tmp_path / "other.jsonl", "--patience", 0)
    system.web.start()
    system.wait_for_web()

    assert command.ended(seconds=120) == 0, command.log
    assert gave_up.returncode == 1
    assert b"does not respond" in gave_up.stderr
    assert {each["outcome"] for each in read_lines(outcomes)} == {"merged"}
    assert sum(batch["counts"]["merged"] for batch in batches(client)) == 300  # type: ignore[index,misc]
