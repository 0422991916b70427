"""`mergelane profiles`, `batches` and `jobs` against the running product."""

from pathlib import Path

import orjson

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
from tests.support.waiting import wait_until

TIME = "2026-05-01T12:00:00Z"


def event(external_id: str, name: str = "login") -> dict[str, object]:
    """Return the line of an event."""
    return {"events": {"external_id": external_id, "name": name, "time": TIME}}


def settled(report: Path) -> int:
    """Return the number of lines that an import has finished."""
    path = report.with_name(report.name + ".state")
    return int(orjson.loads(path.read_bytes())["lines"]) if path.exists() else 0


def test_an_import_applies_all_valid_lines_and_reports_the_refused_ones(client: Client, tmp_path: Path) -> None:
    lines = [
        {"external_id": "ada", "first_name": "Ada", "address": {"city": "Rom"}},
        event("ada"),
        {"purchases": {"external_id": "ada", "product_id": "hat", "currency": "EUR", "price": 5, "time": TIME}},
        {"first_name": "nobody"},
        {"external_id": "null", "first_name": "Null"},
        {"external_id": "bob", "address": {"bad key": 1}},
    ]
    file = write_lines(tmp_path / "people.jsonl", lines)
    done, again = run(client, "profiles", "import", file), run(client, "profiles", "import", file)

    report = read_lines(tmp_path / "people.jsonl.refused.jsonl")
    ada = client.profile("ada")
    assert done.returncode == again.returncode == 4
    assert done.stdout == again.stdout
    assert done.stdout.startswith(b"accepted 4, refused 2, warning 1. ")
    assert [(each["line"], each["result"]) for each in report] == [(4, "refused"), (5, "refused"), (6, "warning")]
    assert report[1]["reason"] == "provided external_id is blacklisted and disallowed"
    assert report[0]["attributes"] == {"first_name": "nobody"}
    assert ada["custom_events"][0]["count"] == ada["purchases"][0]["count"] == 1
    # The invalid object of another line does not affect this one.
    assert ada["custom_attributes"] == {"address": {"city": "Rom"}}


def test_lines_for_a_braze_id_without_a_profile_are_reported_and_not_accepted(client: Client, tmp_path: Path) -> None:
    client.track(attributes=[{"external_id": "ada"}, {"external_id": "orphan"}])
    orphan, survivor = client.profile("orphan")["braze_id"], client.profile("ada")["braze_id"]
    assert client.merged([("orphan", "ada")]) == ["merged"]
    rows = [f"{orphan},A,1", f"{'0' * 24},B,2", f"{survivor},C,3"]
    file = tmp_path / "people.csv"
    file.write_text("\n".join(["braze_id,first_name,score:number", *rows, ""]), encoding="utf-8")
    done = run(client, "profiles", "import", file)

    report = read_lines(tmp_path / "people.csv.refused.jsonl")
    assert done.returncode == 4
    assert done.stdout.startswith(b"unprocessed 2, warning 2, accepted 1. ")
    assert [(each["line"], each["result"]) for each in report] == [(2, "warning"), (3, "warning")]
    assert f"is now part of profile {survivor}," in report[0]["reason"]
    assert report[1]["reason"] == "No profile has this braze_id, so the object had no effect."
    assert client.profile("ada")["custom_attributes"] == {"score": 3}


def test_a_csv_of_attributes_is_imported(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("external_id,first_name,score:number\nada,Ada,5\nbob,Bob,\n", encoding="utf-8")
    done = run(client, "profiles", "import", file)

    assert (done.returncode, done.stdout.startswith(b"accepted 2.")) == (0, True)
    assert client.profile("ada")["custom_attributes"] == {"score": 5}
    assert "custom_attributes" not in client.profile("bob")


def test_an_imported_integer_beyond_64_bits_is_left_out_with_a_warning(client: Client, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    row = "ada,109876543210987654321,109876543210987654321,{list},9007199254740993"
    cells = row.format(list='"[109876543210987654321, 7]"')
    people.write_text(f"external_id,text,a:number,b:json,c:number\n{cells}\n", encoding="utf-8")
    lines = tmp_path / "lines.jsonl"
    lines.write_bytes(b'{"external_id": "ada", "d": -9223372036854775809, "e": 18446744073709551615}\n')
    done = [run(client, "profiles", "import", file) for file in (people, lines)]

    assert [each.stdout.startswith(b"accepted 1, warning 1. ") for each in done] == [True, True]
    assert [each["reason"] for each in read_lines(tmp_path / "people.csv.refused.jsonl")] == [
        "'a' and 'b.0' are integers beyond 64 bits and were left out; send ids as strings."
    ]
    assert b'"d":-9223372036854775809' in (tmp_path / "lines.jsonl.refused.jsonl").read_bytes()
    assert client.profile("ada")["custom_attributes"] == {
        "text": "109876543210987654321",
        "b": [7],
        "c": 2**53 + 1,
        "e": 2**64 - 1,
    }


def test_an_imported_opt_out_reaches_the_other_profiles_with_the_address(client: Client, tmp_path: Path) -> None:
    people = [{"external_id": each, "email": "both@example.com"} for each in ("ada", "bob")]
    file = write_lines(tmp_path / "people.jsonl", [*people, {"external_id": "ada", "email_subscribe": "unsubscribed"}])
    done = run(client, "profiles", "import", file)

    assert done.returncode == 0
    assert [client.profile(each)["email_subscribe"] for each in ("ada", "bob")] == ["unsubscribed"] * 2


def test_an_import_that_was_killed_resumes_and_counts_nothing_twice(client: Client, tmp_path: Path) -> None:
    lines = [{"external_id": f"p-{number}", "n": number} for number in range(1_500)]
    file = write_lines(tmp_path / "people.jsonl", lines)
    report = tmp_path / "people.jsonl.refused.jsonl"
    command = process(client, tmp_path, "profiles", "import", file).start()
    wait_until(lambda: settled(report) >= 150, seconds=60, every=0.005)
    killed = command.running
    command.kill()
    done = run(client, "profiles", "import", file)
    (listed,) = client.get("/merge/runs", kind="import").json()["runs"]
    shown = run(client, "runs", "show", listed["run_id"])

    assert killed
    assert (done.returncode, done.stdout.startswith(b"accepted 1,500.")) == (0, True)
    assert (listed["label"], listed["jobs"], listed["counts"]) == ("people.jsonl", 0, {"accepted": 1_500})
    assert listed["state"] in {"running", "finished"}
    assert b"accepted" in shown.stdout
    assert b"1500" in shown.stdout.replace(b",", b"")
    assert len(client.export(external_ids=["p-0", "p-74", "p-75", "p-1499"])) == 4


def test_events_without_a_response_are_sent_again_only_with_an_option(client: Client, tmp_path: Path) -> None:
    make_profiles(client, ["ada"])
    file = write_lines(tmp_path / "events.jsonl", [event("ada")])
    report = tmp_path / "events.jsonl.refused.jsonl"
    # The state of a run that was killed between its request and the response.
    first = run(client, "profiles", "import", file)
    state = report.with_name(report.name + ".state")
    left = {**orjson.loads(state.read_bytes()), "offset": 0, "lines": 0, "written": 0, "counts": {}, "finished": False}
    state.write_bytes(orjson.dumps({**left, "unanswered": [1, 1]}))
    stopped = run(client, "profiles", "import", file)
    count = client.profile("ada")["custom_events"][0]["count"]
    skipped = run(client, "profiles", "import", file, "--unanswered", "skip")

    assert first.returncode == 0
    assert stopped.returncode == 1
    assert b"Lines 1 to 1 were sent, but no response came" in stopped.stderr
    assert count == client.profile("ada")["custom_events"][0]["count"] == 1
    assert (skipped.returncode, skipped.stdout.startswith(b"skipped 1. ")) == (4, True)
    assert read_lines(report)[0]["result"] == "skipped"

    # The server recognises a request of the run. Without a run, as with a key that may create none, it cannot.
    for run_id, count in ((left["run_id"], 1), (None, 2)):
        state.write_bytes(orjson.dumps({**left, "unanswered": [1, 1], "run_id": run_id, "counts": {}}))
        assert run(client, "profiles", "import", file, "--unanswered", "send").returncode == 0
        assert client.profile("ada")["custom_events"][0]["count"] == count


def test_an_export_has_every_profile_and_resumes_after_a_kill(client: Client, tmp_path: Path) -> None:
    people = sorted(f"p-{number}" for number in range(2_000))
    make_profiles(client, people, plan="pro")
    output, state = tmp_path / "all.jsonl", tmp_path / "all.jsonl.state"
    command = process(client, tmp_path, "profiles", "export", output).start()
    wait_until(lambda: state.exists() and orjson.loads(state.read_bytes())["cursor"], seconds=60, every=0.002)
    killed = command.running
    command.kill()
    done = run(client, "profiles", "export", output)
    piped = run(client, "profiles", "export", "-", "--field", "external_id", "--format", "csv")

    exported = read_lines(output)
    assert killed
    assert done.returncode == 0, done.stderr
    assert sorted(each["external_id"] for each in exported) == people
    assert client.profile(exported[0]["external_id"]) == exported[0]
    assert sorted(piped.stdout.decode().split()) == ["external_id", *people]


def test_an_export_as_csv_has_a_column_for_every_member(client: Client, tmp_path: Path) -> None:
    make_profiles(client, ["ada"], plan="pro")
    done = run(client, "profiles", "export", tmp_path / "all.csv")
    wrong = run(client, "profiles", "export", tmp_path / "some.csv", "--field", "firstname")

    (row,) = read_rows(tmp_path / "all.csv")
    assert done.returncode == 0
    assert (row["external_id"], row["first_name"], row["custom_attributes"]) == ("ada", "ada", '{"plan":"pro"}')
    assert row["user_aliases"] == "[]"
    assert wrong.returncode == 2


def test_profiles_batches_and_jobs_are_printed_as_text_and_as_json(client: Client) -> None:
    make_profiles(client, ["a", "b"])
    orphan = client.profile("a")["braze_id"]
    batch_id = client.merge([("a", "b"), ("x", "b")])
    first, second = client.finished(batch_id)["jobs"]

    batches = run(client, "batches", "list").stdout.decode().splitlines()
    batch = run(client, "batches", "show", batch_id).stdout.decode()
    jobs = run(client, "jobs", "list", "--outcome", "orphan_not_found").stdout.decode().splitlines()
    job = run(client, "jobs", "show", first["job_id"], "--changes").stdout.decode()
    profile = run(client, "profiles", "show", first["survivor"]["braze_id"]).stdout.decode()
    gone = run(client, "profiles", "show", orphan)
    page = run(client, "jobs", "list", "--limit", 1)
    rest = orjson.loads(run(client, "jobs", "list", "--cursor", page.stderr.decode().split()[-1], "--json").stdout)
    as_json = [
        orjson.loads(run(client, *words, "--json").stdout)
        for words in (
            ("batches", "list"),
            ("batches", "show", batch_id),
            ("jobs", "show", first["job_id"]),
            ("profiles", "show", first["survivor"]["braze_id"]),
        )
    ]

    assert batches[0].split() == ["BATCH_ID", "STATE", "CREATED_AT", "FINISHED_AT", "COUNTS"]
    assert batches[1].startswith(f"{batch_id}  finished")
    assert batches[1].endswith("merged 1, orphan_not_found 1")
    assert "external_id=x  external_id=b" in batch
    assert [line.split()[1] for line in jobs] == ["JOB_ID", second["job_id"]]
    assert f"job_id               {first['job_id']}" in job
    assert "first_name" not in job.split("changes")[0]
    assert "external_id      b" in profile
    assert (gone.returncode, b"merged away" in gone.stderr) == (1, True)
    assert page.stderr.startswith(b"The next page: --cursor ")
    assert [each["job_id"] for each in rest["jobs"]] == [first["job_id"]]
    assert as_json[0]["batches"][0]["batch_id"] == as_json[1]["batch_id"] == batch_id
    assert as_json[2] == client.get(f"/merge/jobs/{first['job_id']}").json()
    assert as_json[3]["external_id"] == "b"


def test_the_api_refuses_to_retry_a_job_that_is_not_dead(client: Client) -> None:
    (job,) = client.finished(client.merge([("x", "y")]))["jobs"]
    refused = run(client, "jobs", "retry", job["job_id"])

    assert refused.returncode == 1
    assert refused.stderr == b"Error: Mergelane answered 409: This job is finished; only a dead job can be retried.\n"


def test_a_merge_is_undone_through_the_api(client: Client) -> None:
    client.track(attributes=[{"external_id": "undo-a"}, {"external_id": "undo-b"}])
    (job,) = client.finished(client.merge([("undo-a", "undo-b")]))["jobs"]

    asked = run(client, "jobs", "undo", job["job_id"])

    undo_id = asked.stdout.decode().strip()
    undo = client.get(f"/merge/jobs/{undo_id}").json()
    assert (asked.returncode, asked.stderr.decode()) == (0, f"The undo of job {job['job_id']} is queued.\n")
    assert (undo["kind"], undo["undoes"]) == ("undo", job["job_id"])


def test_a_key_comes_from_a_file_or_the_environment(client: Client, tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.write_text(f"{client.key}\n", encoding="utf-8")
    from_file = run(client.__class__(client.base_url, ""), "batches", "list", "--key-file", key_file)
    without = run(client.__class__(client.base_url, ""), "batches", "list")
    wrong = run(client.__class__(client.base_url, "wrong-key"), "batches", "list")

    assert from_file.returncode == 0, from_file.stderr
    assert (without.returncode, b"No API key. Set MERGELANE_API_KEY" in without.stderr) == (1, True)
    assert (wrong.returncode, b"Invalid API key" in wrong.stderr) == (1, True)


def test_the_audit_is_listed_and_exported(client: Client, tmp_path: Path) -> None:
    make_profiles(client, ["orphan", "survivor"])
    write_lines(tmp_path / "pairs.jsonl", [ext_pair("orphan", "survivor")])
    merged = run(client, "merge", tmp_path / "pairs.jsonl")
    listed = run(client, "audit", "list", "--action", "merge", "--identifier", "orphan")
    # The run of the file has its own entries.
    shown = orjson.loads(run(client, "audit", "list", "--action", "merge", "--json", "--images").stdout)
    exported = run(client, "audit", "export", tmp_path / "audit.jsonl", "--action", "merge")
    rows = run(
        client,
        "audit",
        "export",
        tmp_path / "audit.csv",
        "--by-key",
        shown["entries"][0]["key"]["id"],
        "--action",
        "merge",
    )
    nothing = run(client, "audit", "export", "-", "--action", "undo", "--job-id", shown["entries"][0]["job_id"])
    refused = run(client, "audit", "export", tmp_path / "no.csv", "--to", "tomorrow")

    assert merged.returncode == 0, merged.stderr
    assert [line.split()[1:3] for line in listed.stdout.decode().splitlines()] == [
        ["ACTION", "OUTCOME"],
        ["merge", "merged"],
    ]
    assert exported.returncode == 0, exported.stderr
    assert read_lines(tmp_path / "audit.jsonl") == shown["entries"]
    assert [row["id"] for row in read_rows(tmp_path / "audit.csv")] == [shown["entries"][0]["id"]]
    assert (rows.returncode, nothing.returncode, nothing.stdout) == (0, 0, b"")
    assert (refused.returncode, list(tmp_path.glob("no.csv*"))) == (1, [])
    assert b"'to' must be a time in ISO 8601" in refused.stderr


def test_a_report_has_all_data_of_a_person_and_an_unknown_profile_leaves_no_file(
    client: Client, tmp_path: Path
) -> None:
    client.track(attributes=[{"external_id": "ada", "first_name": "Ada"}], events=[event("ada")["events"]])
    braze_id = client.profile("ada")["braze_id"]
    saved = run(client, "profiles", "report", braze_id, tmp_path / "ada.json")
    printed = run(client, "profiles", "report", braze_id)
    unknown = run(client, "profiles", "report", "0" * 24, tmp_path / "none.json")

    report = orjson.loads((tmp_path / "ada.json").read_bytes())
    assert saved.returncode == printed.returncode == 0
    assert f"Wrote the report of {braze_id}".encode() in saved.stderr
    assert orjson.loads(printed.stdout)["profile"] == report["profile"]
    assert (report["profile"]["first_name"], len(report["history"])) == ("Ada", 1)
    assert (unknown.returncode, list(tmp_path.glob("none.json*"))) == (1, [])
