"""`mergelane runs` against the running product: each merged file is a run, which one command undoes."""

from pathlib import Path

import orjson
import pytest

from tests.support.client import Client
from tests.support.commands import ext_pair, make_profiles, read_lines, run, write_lines
from tests.support.system import System
from tests.support.waiting import wait_until

PAIRS = 120


def test_one_command_undoes_the_run_of_a_merged_file(client: Client, tmp_path: Path) -> None:
    names = [f"{role}-{number}" for number in range(PAIRS) for role in ("orphan", "survivor")]
    make_profiles(client, names)
    before = [client.profile(name) for name in names[:6]]
    file = write_lines(tmp_path / "march.jsonl", (ext_pair(f"orphan-{n}", f"survivor-{n}") for n in range(PAIRS)))
    merged = run(client, "merge", file)
    (found,) = client.get("/merge/runs", kind="file").json()["runs"]
    path = f"/merge/runs/{found['run_id']}"
    wait_until(lambda: client.get(path).json()["state"] == "finished", what="the run")
    listed = run(client, "runs", "list", "--kind", "file")
    shown = run(client, "runs", "show", found["run_id"], "--json")
    undone = run(client, "runs", "undo", found["run_id"], "--wait", "--json")
    jobs = run(client, "jobs", "list", "--run", found["run_id"], "--limit", 1)
    again = run(client, "merge", file, "--outcomes", tmp_path / "other.jsonl")

    assert merged.returncode == 0
    assert b"march.jsonl" in listed.stdout
    assert (shown.returncode, orjson.loads(shown.stdout)["counts"]) == (0, {"merged": PAIRS})
    assert (undone.returncode, orjson.loads(undone.stdout)["counts"]) == (0, {"undone": PAIRS})
    assert [client.profile(name) for name in names[:6]] == before
    assert b"merged (undone)" in jobs.stdout
    assert again.returncode == 0
    assert all(" It was undone at " in each["reason"] for each in read_lines(tmp_path / "other.jsonl"))


def test_a_run_a_batch_and_a_job_are_cancelled(client: Client) -> None:
    run_id = client.post("/merge/runs", {"label": "wrong"}).json()["run_id"]
    client.request("PUT", "/merge/queue", json={"state": "paused"})
    updates = [ext_pair("a", "b"), ext_pair("c", "d")]
    accepted = [
        client.post("/users/merge", {"merge_updates": updates}, Merge_Run=run_id).json()["batch_id"] for _ in range(2)
    ]
    (job, _) = client.get(f"/merge/batches/{accepted[0]}").json()["jobs"]
    one = run(client, "jobs", "cancel", job["job_id"])
    batch = run(client, "batches", "cancel", accepted[0])
    batch_again = run(client, "batches", "cancel", accepted[0])
    done = run(client, "runs", "cancel", run_id, "--wait", "--json")
    again = run(client, "runs", "cancel", run_id)
    shown = orjson.loads(done.stdout)

    assert (done.returncode, shown["state"], shown["counts"]) == (0, "cancelled", {"cancelled": 4})
    assert (one.returncode, one.stderr) == (0, f"Cancelled the job {job['job_id']}.\n".encode())
    assert (batch.returncode, batch.stderr) == (0, f"Cancelled 1 jobs of batch {accepted[0]}; 0 run.\n".encode())
    assert (batch_again.returncode, b"nothing to cancel" in batch_again.stderr) == (1, True)
    assert again.returncode == 1
    assert b"nothing to cancel" in again.stderr


def test_a_file_with_too_many_failures_is_paused_and_merged_after_its_run_was_resumed(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The command checks its run after one second.
    monkeypatch.setattr("cli.bulk.merge_batches.WAIT_S", 1)
    make_profiles(client, ["b", "c"], email="two@example.com")
    make_profiles(client, ["a"])
    ambiguous = {"email": "two@example.com", "prioritization": ["identified"]}
    pair = {"identifier_to_merge": {"external_id": "a"}, "identifier_to_keep": ambiguous}
    file = write_lines(tmp_path / "pairs.jsonl", [pair] * 60)
    # Jobs still wait when the relay has counted the first failures.
    client.put("/merge/queue", {"merges_per_minute_limit": 600})
    stopped = run(client, "merge", file, "--max-failures", "5", "--concurrency", 1)
    (found,) = client.get("/merge/runs").json()["runs"]
    listed = run(client, "runs", "list")
    shown = run(client, "runs", "show", found["run_id"])
    client.put("/merge/queue", {"merges_per_minute_limit": None})
    resumed = run(client, "runs", "resume", found["run_id"], "--no-limit", "--json")
    done = run(client, "merge", file)

    assert stopped.returncode == 1
    assert f"The run {found['run_id']} is paused: ".encode() in stopped.stderr
    assert f"mergelane runs resume {found['run_id']}".encode() in stopped.stderr
    assert (found["max_failures"], found["counts"]["queued"] > 0) == (5, True)
    assert b"open (paused)" in listed.stdout
    assert b"The run is paused: " in shown.stderr
    assert (resumed.returncode, orjson.loads(resumed.stdout)["max_failures"]) == (0, None)
    assert done.returncode == 0
    assert [each["outcome"] for each in read_lines(tmp_path / "pairs.outcomes.jsonl")] == ["survivor_ambiguous"] * 60
    for limit in ("2.345%", "-1", "many", "101%"):
        assert run(client, "merge", file, "--max-failures", limit).returncode == 2
    assert run(client, "merge", file, "--max-failures", "2%", "--plan").returncode == 2


def test_a_key_without_the_permission_merges_a_file_without_a_run(
    client: Client, system: System, tmp_path: Path
) -> None:
    del client
    merging = system.new_client(permissions=["users.merge"])
    file = write_lines(tmp_path / "pairs.jsonl", [ext_pair("a", "b")])
    done = run(merging, "merge", file)
    (batch,) = merging.get("/merge/batches").json()["batches"]

    assert (done.returncode, batch["run_id"]) == (0, None)
    assert run(merging, "runs", "list").returncode == 1


def test_a_batch_is_undone_by_its_id(client: Client, tmp_path: Path) -> None:
    make_profiles(client, ["a", "b"])
    run(client, "merge", write_lines(tmp_path / "pairs.jsonl", [ext_pair("a", "b")]))
    (batch,) = client.get("/merge/batches").json()["batches"]
    undo = run(client, "batches", "undo", batch["batch_id"]).stdout.decode().strip()

    assert client.finished(undo)["counts"] == {"undone": 1}


def test_the_command_waits_until_the_merges_of_a_duplicate_run_have_ended(client: Client) -> None:
    for name in "abc":
        client.track(attributes=[{"external_id": name, "email": "ada@x.org"}])
    done = run(client, "duplicates", "run", "--wait")
    run_id = done.stdout.decode().strip()

    assert (done.returncode, b"Its merges: merged 2." in done.stderr) == (0, True), done
    assert client.get(f"/merge/runs/{run_id}").json()["kind"] == "duplicates"


def test_only_the_merges_of_an_outcome_file_are_undone(client: Client, tmp_path: Path) -> None:
    names = "abcdef"
    make_profiles(client, list(names))
    before = [client.profile(name) for name in names]
    # The order of the lines differs from that of the merges. One pair merged nothing.
    pairs = [ext_pair("b", "c"), ext_pair("a", "b"), ext_pair("c", "d"), ext_pair("nobody", "d")]
    for number, pair in enumerate(pairs):
        run(client, "merge", write_lines(tmp_path / f"{number}.jsonl", [pair]))
    rows = [row for number in (2, 0, 1, 3) for row in read_lines(tmp_path / f"{number}.outcomes.jsonl")]
    outcomes = write_lines(tmp_path / "all.jsonl", rows)
    run(client, "merge", write_lines(tmp_path / "other.jsonl", [ext_pair("e", "f")]))
    done = run(client, "merge", "--undo", outcomes)
    again = run(client, "merge", "--undo", outcomes)

    assert (done.returncode, done.stdout) == (0, b"3 merges: undone 3.\n")
    assert (again.returncode, again.stdout) == (0, b"3 merges: undone 3.\n")
    assert [client.profile(name) for name in "abcd"] == before[:4]
    assert client.get("/merge/jobs", outcome="merged", identifier="e").json()["jobs"][0]["undone_at"] is None
    assert run(client, "merge").returncode == run(client, "merge", outcomes, "--undo", outcomes).returncode == 2
    assert run(client, "merge", "--undo", write_lines(tmp_path / "no.jsonl", pairs)).returncode == 1
