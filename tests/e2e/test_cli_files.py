"""Dirty files against the running product: each is read, or refused in one sentence before anything is sent."""

import gzip
import os
import subprocess
import threading
from pathlib import Path

import pytest

from schemas.text import CONTROL
from tests.support.client import Client
from tests.support.commands import PROGRAM, Done, environ, make_profiles, read_lines, read_rows, run

HEADER = b"merge_external_id,keep_external_id\n"


def merge(client: Client, path: Path, content: bytes, *words: object) -> tuple[Done, list[tuple[int, str]]]:
    """Merge a file of this *content*; return the result, and line and outcome of each line of the outcome file."""
    path.write_bytes(content)
    outcomes = path.with_name(f"{path.stem}.out.csv")
    done = run(client, "merge", path, "--outcomes", outcomes, *words)
    results = [(int(row["line"]), row["outcome"]) for row in read_rows(outcomes)] if outcomes.exists() else []
    return done, results


def test_line_ends_blank_rows_and_stray_quotes_lose_no_pair(client: Client, tmp_path: Path) -> None:
    make_profiles(client, [f"{side}{number}" for side in "ab" for number in range(12)])
    mac, _ = merge(client, tmp_path / "mac.csv", HEADER.replace(b"\n", b"\r") + b"a0,b0\ra1,b1\r")
    quote, results = merge(
        client,
        tmp_path / "quote.csv",
        HEADER + b'"a2,b2\na3,b3\n,\n , ,\nmerge_external_id,keep_external_id\na4,b4,,\na5, b5\n\x1a',
    )
    spaced, _ = merge(client, tmp_path / "spaced.csv", b"sep=;\nmerge_external_id; keep_external_id\na6; b6\na7; \n")

    assert (mac.returncode, mac.stdout[:22]) == (0, b"2 pairs: merged 2. The")
    assert quote.returncode == 4
    assert results == [(2, "invalid"), (3, "merged"), (6, "invalid"), (7, "merged"), (8, "survivor_not_found")]
    assert (spaced.returncode, spaced.stdout[:31]) == (4, b"2 pairs: invalid 1, merged 1. T")


def test_another_encoding_is_refused_before_sending_and_read_with_the_option(client: Client, tmp_path: Path) -> None:
    make_profiles(client, ["josé", "jose", "zoë", "zoe"])
    content = (HEADER.decode() + "josé,jose\nzoë,zoe\n").encode("cp1252")
    refused, results = merge(client, tmp_path / "latin.csv", content)
    merged, _ = merge(client, tmp_path / "latin.csv", content, "--encoding", "windows-1252")

    assert (refused.returncode, results) == (1, [])
    assert b"is not in UTF-8: see line 2. It seems to be in windows-1252" in refused.stderr
    assert (merged.returncode, merged.stdout[:19]) == (0, b"2 pairs: merged 2. ")


def test_pipes_and_compressed_files_are_read_and_outcomes_go_to_standard_output(client: Client, tmp_path: Path) -> None:
    make_profiles(client, ["a", "b", "c", "d"])
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(gzip.compress(HEADER + b"a,b\n"),))
    writer.start()
    piped = run(client, "merge", pipe, "--outcomes", "-")
    writer.join()
    (tmp_path / "pairs.csv.gz").write_bytes(gzip.compress(HEADER + b"c,d\n"))
    compressed = run(client, "merge", tmp_path / "pairs.csv.gz")

    assert piped.returncode == 0
    assert [line.split(b",")[:2] for line in piped.stdout.splitlines()] == [[b"line", b"outcome"], [b"2", b"merged"]]
    assert piped.stderr == b"1 pairs: merged 1.\n"
    assert compressed.returncode == 0, compressed.stderr
    assert [row["outcome"] for row in read_rows(tmp_path / "pairs.outcomes.csv")] == ["merged"]
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "pairs.csv.gz", "pairs.outcomes.csv", "pairs.outcomes.csv.state", "pipe.csv",
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_lines_of_an_outcome_file_are_merged_again_after_correction(client: Client, tmp_path: Path, form: str) -> None:
    make_profiles(client, ["=1+1", "keep", "'=x"])
    file, outcomes = tmp_path / "pairs.csv", tmp_path / f"first.{form}"
    file.write_bytes(HEADER + b"=1+1,missing\n'=x,keep\n\"a,b\n")
    first = run(client, "merge", file, "--outcomes", outcomes)
    text = outcomes.read_text(encoding="utf-8")
    outcomes.write_text(text.replace("missing", "keep"), encoding="utf-8")
    second = run(client, "merge", outcomes, "--outcomes", tmp_path / "second.jsonl")

    assert first.returncode == second.returncode == 4
    assert ("'=1+1" in text) == (form == "csv")
    assert "a,b" in text
    assert [each["outcome"] for each in read_lines(tmp_path / "second.jsonl")] == [
        "merged", "already_merged", "invalid",
    ]  # fmt: skip


def test_an_import_reads_the_vendors_columns(client: Client, tmp_path: Path) -> None:
    make_profiles(client, ["ada"])
    alias = {"external_id": "ada", "alias_label": "my_alt_identifier", "alias_name": "182736485"}
    client.post("/users/alias/new", {"user_aliases": [alias]})
    path = tmp_path / "vendor.csv"
    path.write_text(
        "user_alias_name,user_alias_label,last_name,vip:boolean,subscription_group_id,subscription_state\n"
        "182736485,my_alt_identifier,Smith,TRUE,sms-1,unsubscribed\n"
        "nobody,my_alt_identifier,Doe,,,\n"
        "182736485,,Doe,,,\n",
        encoding="utf-8",
    )
    done = run(client, "profiles", "import", path)
    (ada,) = client.export(external_ids=["ada"])
    report = read_lines(tmp_path / "vendor.csv.refused.jsonl")

    assert done.returncode == 4
    assert done.stdout.startswith(b"accepted 1, refused 1, unprocessed 1, warning 1.")
    assert (ada["last_name"], ada["custom_attributes"]) == ("Smith", {"vip": True})
    assert [(each["line"], each["result"]) for each in report] == [(3, "warning"), (4, "refused")]


def test_a_file_with_a_corrected_header_is_imported(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("External_ID,email\nada,a@example.com\n", encoding="utf-8")
    refused = run(client, "profiles", "import", path)
    path.write_text("external_id,email\nada,a@example.com\n", encoding="utf-8")
    accepted = run(client, "profiles", "import", path)

    assert refused.returncode == 1
    assert b"is nearly 'external_id'" in refused.stderr
    assert (accepted.returncode, accepted.stdout) == (0, b"accepted 1.\n")


def test_refused_lines_are_reported_whole_and_imported_after_correction(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text('external_id,score:number,first_name\nada,"1,5",Ada\n"bob,2,Bob\ncyd,3\n', encoding="utf-8")
    first = run(client, "profiles", "import", path)
    report = tmp_path / "people.csv.refused.jsonl"
    text = report.read_text(encoding="utf-8")
    corrected = tmp_path / "corrected.jsonl"
    corrected.write_text(
        text.replace('"1,5"', "1.5").replace('\\"bob', "bob").replace("cyd,3", "cyd,3,Cyd"), encoding="utf-8"
    )
    second = run(client, "profiles", "import", corrected)
    people = {each["external_id"]: each for each in client.export(external_ids=["ada", "bob", "cyd"])}

    assert (first.returncode, first.stdout[:10]) == (4, b"refused 3.")
    assert (second.returncode, second.stdout) == (0, b"accepted 3.\n"), second.stderr
    assert {name: (each["first_name"], each["custom_attributes"]["score"]) for name, each in people.items()} == {
        "ada": ("Ada", 1.5),
        "bob": ("Bob", 2),
        "cyd": ("Cyd", 3),
    }


def febrl(path: Path, people: int) -> Path:
    """Write a file in the format of the FEBRL data sets: blanks after commas, each person twice."""
    lines = ["rec_id, given_name, surname, street_number, address_1, suburb, state, date_of_birth, soc_sec_id"]
    for number in range(people):
        lines.append(
            f"rec-{number}-org, , waller, {number}, tullaroop street, st james, wa, 19081209, 69880{number:02}"
        )
        lines.append(f"rec-{number}-dup-0, jamilla, waler, , maltby circuit, coolaroo, , 19150612, 90042{number:02}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_file_with_blanks_after_its_commas_is_imported_and_merged(client: Client, tmp_path: Path) -> None:
    people = febrl(tmp_path / "dataset.csv", 60)
    renames = ["rec_id=external_id", "given_name=first_name", "surname=last_name"]
    imported = run(client, "profiles", "import", people, *(f"--rename={each}" for each in renames))
    pairs = tmp_path / "pairs.csv"
    rows = "".join(f"rec-{number}-dup-0, rec-{number}-org\n" for number in range(60))
    pairs.write_text(f"merge_external_id, keep_external_id\n{rows}", encoding="utf-8")
    merged = run(client, "merge", pairs)
    profile = client.profile("rec-7-org")

    assert (imported.returncode, imported.stdout) == (0, b"accepted 120.\n"), imported.stderr
    assert merged.stdout.startswith(b"60 pairs: merged 60.")
    assert (profile["first_name"], profile["last_name"]) == ("jamilla", "waller")
    assert profile["custom_attributes"]["street_number"] == "7"
    assert (profile["custom_attributes"]["state"], profile["custom_attributes"]["suburb"]) == ("wa", "st james")


def test_a_full_disk_ends_a_run_in_one_sentence_and_the_run_resumes(client: Client, tmp_path: Path) -> None:
    count = 150
    make_profiles(client, [f"{side}{number}" for side in "ab" for number in range(count)])
    pairs = tmp_path / "pairs.csv"
    pairs.write_bytes(HEADER + b"".join(b"a%d,b%d\n" % (number, number) for number in range(count)))
    before = pairs.read_bytes()
    # A limit of the file size replaces a full disk: both are write errors.
    command = ["prlimit", "--fsize=12000", *PROGRAM, "merge", str(pairs)]
    full = [
        subprocess.run(command, env={**os.environ, **environ(client)}, capture_output=True, check=False)
        for _ in range(2)
    ]
    done = run(client, "merge", pairs)
    rows = read_rows(tmp_path / "pairs.outcomes.csv")

    for each in full:
        assert (each.returncode, each.stdout, each.stderr.count(b"\n")) == (1, b"", 1), each.stderr
        assert b"pairs.outcomes.csv cannot be written: File too large." in each.stderr
    assert (done.returncode, pairs.read_bytes()) == (0, before)
    assert [int(row["line"]) for row in rows] == list(range(2, count + 2))
    assert {row["outcome"] for row in rows} == {"merged"}


def test_exports_contain_no_formula_and_no_control_character(client: Client, tmp_path: Path) -> None:
    evil = {"first_name": '=HYPERLINK("http://evil.example","x")', "last_name": "a\n\x1b[2J\N{RIGHT-TO-LEFT OVERRIDE}b"}
    client.track(attributes=[{"external_id": "+cmd|calc", "phone": "+14155550123", "plan": "\x9b31m", **evil}])
    run(client, "profiles", "export", tmp_path / "all.csv")
    run(client, "profiles", "export", tmp_path / "all.jsonl")
    (row,), (profile,) = read_rows(tmp_path / "all.csv"), read_lines(tmp_path / "all.jsonl")
    shown = run(client, "profiles", "show", row["braze_id"])

    assert (row["external_id"], row["phone"]) == ("'+cmd|calc", "+14155550123")
    assert row["first_name"] == '\'=HYPERLINK("http://evil.example","x")'
    assert row["last_name"] == r"a\u000a\u001b[2J\u202eb"
    assert {name: profile[name] for name in evil} == evil
    for text in (
        (tmp_path / "all.csv").read_text(encoding="utf-8"),
        (tmp_path / "all.jsonl").read_text(encoding="utf-8"),
    ):
        assert not CONTROL.search(text.replace("\n", ""))
    assert not CONTROL.search(shown.stdout.decode().replace("\n", ""))
    assert "\N{REPLACEMENT CHARACTER}[2J" in shown.stdout.decode()
