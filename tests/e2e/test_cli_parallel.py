"""Two processes of `mergelane` on one file: one does the work, the other ends with one sentence."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.commands import ext_pair, make_profiles, process, read_lines, run, write_lines
from tests.support.processes import Process

PAIRS = 600
EVENTS = 3_000
TIME = "2026-05-01T12:00:00Z"


def run_two(client: Client, folder: Path, words: Sequence[object]) -> tuple[Process, Process]:
    """Run `mergelane` with *words* twice at the same time; return the process that succeeded and the other one."""
    both = []
    for name in ("first", "second"):
        (folder / name).mkdir()
        both.append(process(client, folder / name, *words).start())
    status = [each.ended(seconds=120) for each in both]

    assert sorted(status) == [0, 1], [each.log for each in both]
    return both[status.index(0)], both[status.index(1)]


@pytest.mark.parametrize("interrupted", [False, True])
def test_every_pair_has_one_outcome(client: Client, tmp_path: Path, *, interrupted: bool) -> None:
    make_profiles(client, [f"{role}-{number}" for number in range(PAIRS) for role in ("orphan", "survivor")])
    pairs = [ext_pair(f"orphan-{number}", f"survivor-{number}") for number in range(PAIRS)]
    file = write_lines(tmp_path / "pairs.jsonl", pairs)
    outcomes = tmp_path / "pairs.outcomes.jsonl"
    if interrupted:
        earlier = process(client, tmp_path, "merge", file, "--concurrency", 1).start()
        earlier.kill()
    _, refused = run_two(client, tmp_path, ["merge", file, "--concurrency", 1])
    again = run(client, "merge", file)

    results = read_lines(outcomes)
    assert refused.log == (
        f"Error: Another process writes {outcomes}. Wait until it ends, or name another output file.\n"
    )
    assert again.stdout.decode().startswith(f"{PAIRS} pairs: merged {PAIRS}. ")
    assert [each["line"] for each in results] == list(range(1, PAIRS + 1))
    assert len({each["job_id"] for each in results}) == PAIRS


def test_every_event_is_sent_once(client: Client, tmp_path: Path) -> None:
    make_profiles(client, ["ada"])
    event = {"events": {"external_id": "ada", "name": "login", "time": TIME}}
    file = write_lines(tmp_path / "events.jsonl", [event] * EVENTS)
    done, refused = run_two(client, tmp_path, ["profiles", "import", file])

    report = f"{file}.refused.jsonl"
    assert done.log.splitlines()[-1].startswith(f"accepted {EVENTS:,}.")
    assert refused.log == f"Error: Another process writes {report}. Wait until it ends, or name another output file.\n"
    assert client.profile("ada")["custom_events"][0]["count"] == EVENTS
