"""`mergelane profiles import` against the running product, with Mergelane's own exports and the vendor's."""

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from tests.support.client import Client
from tests.support.commands import process, read_lines, run, write_lines
from tests.support.people import attributes, happenings, together
from tests.support.system import System
from tests.support.waiting import wait_until

Json = dict[str, Any]
TIME = "2026-05-01T12:00:00.000Z"


def person(number: int, **members: Any) -> Json:
    """Return a profile as the vendor's segment export has it."""
    return {
        "external_id": f"p-{number}",
        "braze_id": f"{number:024x}",
        "user_aliases": [],
        "first_name": f"P{number}",
        "custom_attributes": {"n": number},
        "custom_events": [{"name": "login", "first": TIME, "last": TIME, "count": number + 1}],
        **members,
    }


def export(client: Client, path: Path) -> bytes:
    """Export all profiles of *client*'s workspace to *path* and return the content of the file."""
    done = run(client, "profiles", "export", path)
    assert done.returncode == 0, done.stderr
    return path.read_bytes()


def progress_of(report: Path) -> int:
    """Return the number of lines that an import has finished."""
    path = report.with_name(report.name + ".state")
    return int(orjson.loads(path.read_bytes())["lines"]) if path.exists() else 0


@pytest.fixture
def other(system: System) -> Client:
    """A client of an empty workspace."""
    return system.new_client()


def test_an_import_into_an_empty_workspace_is_exported_identically(
    client: Client, other: Client, tmp_path: Path
) -> None:
    chance = Random(18)
    people = [{"external_id": f"person-{number}"} for number in range(40)]
    client.track(attributes=[attributes(chance, each) for each in people])
    for start in range(0, len(people), 10):
        client.track(**together([happenings(chance, each) for each in people[start : start + 10]]))
    client.merged([("person-1", "person-2"), ("person-3", "person-2")])
    exported = export(client, tmp_path / "one.jsonl")
    packed = tmp_path / "one.gz"
    packed.write_bytes(gzip.compress(exported))
    done = run(other, "profiles", "import", packed)
    repeated = run(other, "profiles", "import", tmp_path / "one.jsonl")
    again = run(other, "profiles", "import", tmp_path / "one.jsonl", "--again")
    dry = run(other, "profiles", "import", packed, "--dry-run")
    runs = other.get("/merge/runs", kind="import").json()["runs"]

    assert dry.returncode == 4
    # A repeated file gets its first results, and changes nothing.
    assert [(each["label"], each["counts"]) for each in runs] == [
        ("one.jsonl", {"skipped": 38}),
        ("one.jsonl", {}),
        ("one.gz", {"created": 38}),
    ]
    assert all(each["state"] != "open" for each in runs)
    assert done.stdout == b"created 38.\n", done.stderr
    assert done.returncode == 0
    assert export(other, tmp_path / "two.jsonl") == exported
    assert repeated.stdout == done.stdout
    assert b"To import the file once more, add --again." in repeated.stderr
    assert again.returncode == 4
    assert again.stdout == b"skipped 38. The skipped profiles exist already and stay as they are.\n"


def test_an_export_as_csv_is_imported_and_exported_identically(client: Client, other: Client, tmp_path: Path) -> None:
    people = [
        person(0, first_name="=1+1", user_aliases=[{"alias_name": "p-a", "alias_label": "b"}], total_revenue=-5.25),
        person(1, last_name="'two\nlines", dob="1980-12-21", time_zone="Europe/Berlin", email="Ada@example.com"),
    ]
    run(client, "profiles", "import", write_lines(tmp_path / "people.jsonl", people))
    exported = export(client, tmp_path / "one.csv")
    done = run(other, "profiles", "import", tmp_path / "one.csv")
    two = export(other, tmp_path / "two.csv")
    broken = tmp_path / "broken.csv"
    # New profiles with a cell that is not JSON.
    broken.write_bytes(exported.replace(b"p-", b"q-").replace(b"0000", b"1111").replace(b'""n"":', b'""n""'))
    refused = run(other, "profiles", "import", broken)
    report = tmp_path / "broken.csv.refused.jsonl"
    lines = read_lines(report)
    for line in lines:
        line["profiles"]["custom_attributes"] = {"n": 5}
    again = run(other, "profiles", "import", write_lines(tmp_path / "corrected.jsonl", lines))

    assert done.stdout == b"created 2.\n", done.stderr
    assert two == exported
    assert refused.stdout.startswith(b"refused 2. ")
    assert {line["reason"] for line in lines} == {"The cell in column 'custom_attributes' is not valid JSON."}
    assert again.stdout == b"created 2.\n", again.stderr


def test_an_import_that_was_killed_resumes_and_imports_nothing_twice(client: Client, tmp_path: Path) -> None:
    count = 8_000
    file = write_lines(tmp_path / "people.jsonl", (person(number) for number in range(count)))
    report = tmp_path / "people.jsonl.refused.jsonl"
    command = process(client, tmp_path, "profiles", "import", file).start()
    wait_until(lambda: progress_of(report) > 0, seconds=60, every=0.005)
    killed = command.running
    command.kill()
    before = progress_of(report)
    done = run(client, "profiles", "import", file)
    finished = run(client, "profiles", "import", file)
    client.merged([("p-0", "p-1")])

    assert killed
    assert 0 < before < count
    # Lines that took effect after the last checkpoint keep their first result.
    assert done.stdout == finished.stdout == b"created 8,000.\n", done.stderr
    assert done.returncode == 0
    assert client.profile("p-1")["custom_events"][0]["count"] == 3
    assert client.profile("p-7999")["custom_attributes"] == {"n": 7_999}


def make_zip(path: Path, people: list[Json]) -> None:
    """Write *people* as the vendor's archive does: in several files, with a file that macOS adds."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__MACOSX/._2.txt", b"\x00\x05\x16\x07")
        for number in (2, 1):
            archive.writestr(f"export/{number}.txt", b"\n".join(map(orjson.dumps, people[number - 1 :: 2])))


def make_folder(path: Path, people: list[Json]) -> None:
    """Write *people* to a folder with an archive, a compressed file and a plain one."""
    path.mkdir()
    make_zip(path / "1.zip", people[:4])
    (path / "2.gz").write_bytes(gzip.compress(b"\n".join(map(orjson.dumps, people[4:6]))))
    write_lines(path / "3.json", people[6:])


@pytest.mark.parametrize(("name", "make"), [("segment.zip", make_zip), ("segment", make_folder)])
def test_the_vendors_segment_export_is_imported_without_changes(
    client: Client, tmp_path: Path, name: str, make: Callable[[Path, list[Json]], None]
) -> None:
    path = tmp_path / name
    make(path, [person(number) for number in range(8)])
    done = run(client, "profiles", "import", f"{path}/" if path.is_dir() else path)

    assert (done.returncode, done.stdout) == (0, b"created 8.\n"), done.stderr
    assert (tmp_path / f"{name}.refused.jsonl").read_bytes() == b""
    assert [client.profile(f"p-{number}")["custom_events"][0]["count"] for number in (0, 7)] == [1, 8]


def test_a_report_in_the_folder_that_is_imported_is_refused(client: Client, tmp_path: Path) -> None:
    folder = tmp_path / "segment"
    make_folder(folder, [person(number) for number in range(8)])
    done = run(client, "profiles", "import", folder, "--report", folder / "report.jsonl")

    assert done.returncode == 1
    assert b"is in the folder that is imported. Name another report by --report." in done.stderr


def test_a_dry_run_changes_nothing_and_prints_the_expected_result(client: Client, tmp_path: Path) -> None:
    people = [person(0), person(1), {"user_aliases": [], "first_name": "without a name"}]
    file = write_lines(tmp_path / "people.jsonl", people)
    run(client, "profiles", "import", write_lines(tmp_path / "first.jsonl", people[:1]))
    trial = run(client, "profiles", "import", file, "--dry-run")
    unchanged = export(client, tmp_path / "unchanged.jsonl")
    trial_of_fill = run(client, "profiles", "import", file, "--dry-run", "--on-conflict", "replace")
    real = run(client, "profiles", "import", file)

    (refused,) = read_lines(tmp_path / "people.jsonl.preview.jsonl")
    assert trial.returncode == 4
    assert trial.stdout.decode().startswith(
        "Nothing was changed. The import would give: created 1, refused 1, skipped 1. The skipped profiles exist"
        " already and would stay as they are. "
    )
    assert unchanged.count(b"\n") == 1
    assert b"created 1, refused 1, replaced 1" in trial_of_fill.stdout
    assert real.stdout.startswith(b"created 1, refused 1, skipped 1. ")
    assert (refused["line"], refused["result"]) == (3, "refused")
    assert refused["profiles"] == people[2]


def test_refused_lines_are_corrected_in_the_report_and_imported_again(client: Client, tmp_path: Path) -> None:
    lines = [
        orjson.dumps(person(0)),
        orjson.dumps(person(1, custom_events=[{"name": "login", "count": "many"}])),
        b'{"external_id": "p-2", "user_aliases": [], "first_name": "Bo",}',
        b"",
        orjson.dumps(person(3)),
    ]
    file = tmp_path / "people.jsonl"
    file.write_bytes(b"\n".join(lines))
    done = run(client, "profiles", "import", file)
    report = tmp_path / "people.jsonl.refused.jsonl"
    refused = read_lines(report)

    assert done.returncode == 4
    assert done.stdout.decode() == (
        "created 2, refused 2. Lines that were not accepted, or that have a warning, are in"
        f" {tmp_path}/people.jsonl.refused.jsonl.\n"
    )
    assert [(each["line"], each["result"]) for each in refused] == [(2, "refused"), (3, "refused")]
    assert "custom_events" in refused[0]["reason"]
    assert refused[0]["profiles"] == orjson.loads(lines[1])
    assert refused[1]["text"] == lines[2].decode()

    corrected = tmp_path / "corrected.jsonl"
    text = report.read_text(encoding="utf-8")
    corrected.write_text(text.replace('"many"', "7").replace(",}", "}"), encoding="utf-8")
    again = run(client, "profiles", "import", corrected)

    assert (again.returncode, again.stdout) == (0, b"created 2.\n"), again.stderr
    assert client.profile("p-1")["custom_events"][0]["count"] == 7
    assert client.profile("p-2")["first_name"] == "Bo"


def test_an_export_never_becomes_custom_attributes(client: Client, tmp_path: Path) -> None:
    whole = write_lines(tmp_path / "whole.jsonl", [person(0)])
    mixed = write_lines(tmp_path / "mixed.jsonl", [person(1), {"external_id": "bob", "plan": "pro"}])
    unclear = write_lines(tmp_path / "unclear.jsonl", [{"external_id": "p-2", "total_revenue": 5}])
    done = [run(client, "profiles", "import", file) for file in (whole, mixed, unclear)]
    forced = run(client, "profiles", "import", unclear, "--as", "profiles")
    as_attributes = run(client, "profiles", "import", unclear, "--as", "attributes", "--again")

    assert [each.returncode for each in done] == [0, 1, 1]
    assert all(each.stderr.startswith(b"Error: ") and b"--as profiles" in each.stderr for each in done[1:])
    assert client.profile("p-0")["custom_attributes"] == {"n": 0}
    assert (forced.returncode, forced.stdout) == (0, b"created 1.\n")
    assert (as_attributes.returncode, as_attributes.stdout) == (0, b"accepted 1.\n")
    assert client.export(external_ids=["p-1", "bob"]) == []


def test_lines_for_one_profile_take_effect_in_the_order_of_the_file(client: Client, tmp_path: Path) -> None:
    lines = [person(number % 2_100, first_name=f"V{number}") for number in range(4_300)]
    file = write_lines(tmp_path / "people.jsonl", lines)
    done = run(client, "profiles", "import", file, "--on-conflict", "replace")

    assert done.stdout == b"replaced 2,200, created 2,100.\n", done.stderr
    assert [client.profile(f"p-{number}")["first_name"] for number in (0, 99, 100, 2_099)] == [
        "V4200",
        "V4299",
        "V2200",
        "V4199",
    ]


def test_options_of_one_kind_of_import_are_refused_for_another(client: Client, tmp_path: Path) -> None:
    whole = write_lines(tmp_path / "whole.jsonl", [person(0)])
    plain = write_lines(tmp_path / "plain.jsonl", [{"external_id": "ada", "plan": "pro"}])
    commands = [(whole, "--decimal", ","), (plain, "--decimal", ","), (plain, "--dry-run")]
    done = [run(client, "profiles", "import", *words) for words in [*commands, (plain, "--on-conflict", "fill")]]

    assert [each.returncode for each in done] == [1] * 4
    assert [each.stderr.decode().partition(" is ")[0] for each in done] == [
        "Error: --decimal",
        "Error: --decimal",
        "Error: --dry-run",
        "Error: --on-conflict",
    ]
    assert client.export(external_ids=["p-0", "ada"]) == []


def test_a_row_with_a_decimal_comma_is_corrected_in_the_report(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text('external_id;score:number\nada;"1,5\nbob;2,5\n', encoding="utf-8")
    done = run(client, "profiles", "import", file, "--decimal", ",")
    report = tmp_path / "people.csv.refused.jsonl"
    corrected = tmp_path / "corrected.jsonl"
    corrected.write_text(report.read_text(encoding="utf-8").replace('\\"', ""), encoding="utf-8")
    again = run(client, "profiles", "import", corrected)

    assert (done.returncode, done.stdout[:24]) == (4, b"accepted 1, refused 1. L")
    assert (again.returncode, again.stdout) == (0, b"accepted 1.\n"), again.stderr
    assert [client.profile(name)["custom_attributes"] for name in ("ada", "bob")] == [{"score": 1.5}, {"score": 2.5}]
