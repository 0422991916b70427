"""`mergelane merge --plan` and `mergelane apply` against the running product: plan, review, apply and undo a file."""

import csv
from pathlib import Path

import orjson

from tests.support.client import Client
from tests.support.commands import ext_pair, make_profiles, read_lines, run, write_lines
from tests.support.system import System

PAIRS = 120


def plan_id_in(output: bytes) -> str:
    """Return the id of the plan in the summary that a command printed."""
    (line,) = (line for line in output.decode().splitlines() if line.startswith("plan_id"))
    return line.split()[-1]


def test_a_file_is_planned_reviewed_applied_and_undone(client: Client, tmp_path: Path) -> None:
    names = [f"{role}-{number}" for number in range(PAIRS) for role in ("orphan", "survivor")]
    make_profiles(client, names)
    before = [client.profile(name) for name in names[:6]]
    pairs = [ext_pair(f"orphan-{n}", f"survivor-{n}") for n in range(PAIRS)]
    file = write_lines(tmp_path / "march.jsonl", [*pairs, {"identifier_to_merge": 7}, ext_pair("nobody", "orphan-0")])
    planned = run(client, "merge", file, "--plan", "--outcomes", tmp_path / "plan.csv")
    plan_id = plan_id_in(planned.stdout)

    assert planned.returncode == 4
    assert [client.profile(name) for name in names[:6]] == before
    with (tmp_path / "plan.csv").open(newline="") as lines:
        header, *rows = csv.reader(lines)
    assert [row[2] for row in rows] == ["merged"] * PAIRS + ["invalid", "orphan_not_found"]

    client.track(attributes=[{"external_id": "survivor-3", "colour": "green"}])
    with (tmp_path / "reviewed.csv").open("w", newline="") as reviewed:
        csv.writer(reviewed).writerows([header, *rows[:10], rows[-2]])
    applied = run(client, "apply", plan_id, "--only", tmp_path / "reviewed.csv", "--json")
    result = orjson.loads(applied.stdout)
    again = run(client, "apply", plan_id)
    listed = run(client, "plans", "list")
    shown = run(client, "plans", "show", plan_id)
    undone = run(client, "runs", "undo", result["run_id"], "--wait", "--json")

    assert (applied.returncode, result["counts"]) == (0, {"changed_since_plan": 1, "merged": 9})
    assert again.returncode == 1
    assert plan_id.encode() in listed.stdout
    assert b"applied" in shown.stdout
    assert orjson.loads(undone.stdout)["counts"] == {"undone": 9}
    assert [client.profile(name) for name in names[:6]] == before


def test_a_plan_file_of_lines_has_the_changes(client: Client, tmp_path: Path) -> None:
    client.track(attributes=[{"external_id": "a", "first_name": "Ada"}, {"external_id": "b"}])
    done = run(client, "merge", write_lines(tmp_path / "pairs.jsonl", [ext_pair("a", "b")]), "--plan")
    (line,) = read_lines(tmp_path / "pairs.plan.jsonl")

    assert (done.returncode, line["index"], line["outcome"]) == (0, 0, "merged")
    assert {"field": "first_name", "before": None, "after": "Ada", "rule": "fill"} in line["changes"]
    assert run(client, "plans", "discard", plan_id_in(done.stdout)).returncode == 0


def test_a_key_that_may_not_plan_is_refused(client: Client, system: System, tmp_path: Path) -> None:
    del client
    merging = system.new_client(permissions=["users.merge"])
    file = write_lines(tmp_path / "pairs.jsonl", [ext_pair("a", "b")])

    assert run(merging, "merge", file, "--plan").returncode == 1
    assert run(merging, "merge", file, "--plan", "--dry-run").returncode == 2


def test_duplicates_are_previewed_merged_from_the_reviewed_csv_planned_and_applied(
    client: Client, tmp_path: Path
) -> None:
    for name, email in [("a1", "a"), ("a2", "a"), ("b1", "b"), ("b2", "b"), ("c1", "c"), ("c2", "c")]:
        client.track(attributes=[{"external_id": name, "email": f"{email}@x.org"}])
    file = tmp_path / "duplicates.csv"
    run(client, "duplicates", "preview", "--csv", file)
    with file.open(newline="") as lines:
        rows = list(csv.reader(lines))
    with file.open("w", newline="") as reviewed:
        csv.writer(reviewed).writerows(row for row in rows if row[1] not in {"b1", "c1"})
    merged = run(client, "merge", file)
    left = client.get("/duplicates/preview").json()["counts"]["to_merge"]
    planned = run(client, "duplicates", "run", "--plan")
    still_left = client.get("/duplicates/preview").json()["counts"]["to_merge"]
    applied = run(client, "apply", plan_id_in(planned.stdout), "--json")

    assert (merged.returncode, planned.returncode, applied.returncode) == (0, 0, 0), merged.stderr
    assert b"merged 1" in merged.stdout
    assert (left, still_left) == (2, 2)
    assert b"merged 2" in planned.stdout
    assert orjson.loads(applied.stdout)["counts"] == {"merged": 2}
