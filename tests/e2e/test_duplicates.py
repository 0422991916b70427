"""Duplicates through the real processes and the command line: set a policy, preview it, run it, poll, undo."""

import csv
from io import StringIO
from pathlib import Path
from typing import Any

import orjson

from cli.database import connected
from tests.support.client import Client
from tests.support.commands import run
from tests.support.system import System
from tests.support.waiting import wait_until

Json = dict[str, Any]


def command(client: Client, *words: object) -> Any:
    """Return the JSON that `mergelane duplicates` with *words* prints."""
    done = run(client, "duplicates", *words, "--json")

    assert done.returncode == 0, done.stderr
    return orjson.loads(done.stdout)


def people(client: Client) -> None:
    """Make groups of duplicates: of guests, around a customer, and a pair that ties."""
    for number in range(12):
        alias = {"alias_label": "checkout", "alias_name": f"guest-{number}"}
        client.track(
            attributes=[
                {"user_alias": alias, "_update_existing_only": False, "email": f"P{number % 4}@x.org", "guest": number}
            ]
        )
    client.track(attributes=[{"external_id": "p0", "email": "p0@x.org"}])
    client.track(attributes=[{"external_id": each, "email": "tie@x.org"} for each in ("t1", "t2")])


def batches_of(client: Client, run_id: str) -> list[Json]:
    """Return the batches of a run, with their jobs, once they have finished."""
    listed = client.get("/merge/batches", run_id=run_id).json()["batches"]
    return [client.finished(batch["batch_id"]) for batch in reversed(listed)]


def test_a_run_merges_as_previewed_and_each_merge_has_a_job_and_can_be_undone(client: Client, tmp_path: Path) -> None:
    people(client)
    command(client, "policy", "--resolve-ties-by", "created", "--prefer", "oldest")
    file = tmp_path / "duplicates.csv"
    assert run(client, "duplicates", "preview", "--csv", file).returncode == 0
    rows = list(csv.DictReader(StringIO(file.read_text(encoding="utf-8"))))
    begun = command(client, "run", "--wait")
    batches = batches_of(client, begun["run_id"])

    said = {row["Braze ID"]: (row["Profile to keep"], row["Profile to merge"]) for row in rows}
    kept = {braze_id for braze_id, cells in said.items() if cells == ("TRUE", "FALSE")}
    merged = {braze_id for braze_id, cells in said.items() if cells == ("FALSE", "TRUE")}
    jobs = [job for batch in batches for job in batch["jobs"]]
    assert begun["state"] == "finished"
    assert begun["counts"] == {
        "examined": 15,
        "groups": 5,
        "to_merge": 9,
        "undecided": {"tie": 2},
        "left": {},
        "batches": 1,
    }
    assert {job["orphan"]["braze_id"] for job in jobs} == merged
    assert {job["survivor"]["braze_id"] for job in jobs} == kept
    assert {job["outcome"] for job in jobs} == {"merged"}
    assert client.profile("p0")["custom_attributes"]["guest"] == 0
    assert command(client, "preview")["counts"]["to_merge"] == 0

    (batch,) = batches
    undone = client.post(f"/merge/batches/{batch['batch_id']}/undo", None).json()
    assert client.finished(undone["batch_id"])["counts"] == {"undone": 9}
    # A pair whose merge was undone is no longer a match.
    excluded = command(client, "preview")["counts"]
    assert (excluded["to_merge"], excluded["left"]) == (0, {"excluded": 9})
    assert len(command(client, "exclusions")["exclusions"]) == 9


def test_a_daily_run_starts_without_a_request(client: Client, system: System) -> None:
    people(client)
    shown = command(client, "policy", "--daily-at", "00:00", "--time-zone", "Asia/Tokyo")
    assert shown["next_daily_at"].endswith("T15:00:00.000Z")
    with connected(system.settings, system.database_url, name="test") as connection:
        connection.execute(
            """
            UPDATE duplicate_policy SET next_daily_at = now()
            WHERE workspace_id = (SELECT workspace_id FROM workspace WHERE name = %s)
            """,
            [client.workspace],
        )

    def ended() -> Any:
        found = command(client, "runs")["runs"]
        return found and found[0]["state"] == "finished" and found[0]

    daily: Json = wait_until(ended, seconds=30, what="the daily run")
    assert daily["trigger"] == "daily"
    assert [batch["counts"] for batch in batches_of(client, daily["run_id"])] == [{"merged": 9}]
    assert command(client, "policy", "--no-daily")["next_daily_at"] is None


def test_runs_are_listed_and_cancelled(client: Client) -> None:
    people(client)
    run_id = run(client, "duplicates", "run").stdout.decode().strip()
    table = run(client, "duplicates", "runs").stdout.decode()
    shown = run(client, "duplicates", "show", run_id).stdout.decode()
    preview = run(client, "duplicates", "preview").stdout.decode()
    refused = run(client, "duplicates", "preview", "--csv", "-", "--prefer", "newest")
    cancelled = run(client, "duplicates", "cancel", run_id)

    assert run_id in table
    assert run_id in shown
    assert "examined=" in preview
    assert refused.stdout.startswith(b"Email Address,")
    # The run may have ended before.
    assert cancelled.returncode == 0 or b"finished" in cancelled.stderr


def test_a_pair_is_excluded_listed_and_allowed_again(client: Client) -> None:
    client.track(attributes=[{"external_id": "ada", "email": "ada@x.org"}])
    client.track(attributes=[{"external_id": "eve", "email": "ada@x.org"}])
    stored = command(client, "exclude", client.profile("ada")["braze_id"], "external_id:eve", "--reason", "twins")
    again = run(client, "duplicates", "exclude", "external_id:eve", "external_id:ada").stdout.decode().strip()
    table = run(client, "duplicates", "exclusions").stdout.decode()
    counts = command(client, "preview", "--resolve-ties-by", "created")["counts"]
    started = command(client, "run", "--wait")
    unknown = run(client, "duplicates", "exclude", "external_id:ada", "alias:shop:7")
    allowed = run(client, "duplicates", "allow", again)

    assert stored["exclusion_id"] == again
    assert again in table
    assert "twins" in table
    assert (counts["to_merge"], counts["left"]) == (0, {"excluded": 1})
    assert started["counts"]["to_merge"] == 0
    assert unknown.returncode == 1
    assert b"no live profile has this alias" in unknown.stderr
    assert allowed.returncode == 0, allowed.stderr
    assert command(client, "exclusions")["exclusions"] == []


def test_a_refused_request_gets_a_sentence(client: Client) -> None:
    stranger = Client(client.base_url, "no-such-key")
    done = run(stranger, "duplicates", "preview", "--csv", "-")
    stranger.close()

    assert done.returncode == 1
    assert b"401" in done.stderr
