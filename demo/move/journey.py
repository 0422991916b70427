"""The steps of a move on the command line, each followed by its check."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import orjson

from demo.client import Client
from demo.errors import DemoError
from demo.move.checks import check_export, check_feed, check_survivors, merges_of_jobs, read_lines
from demo.move.commands import run_command
from demo.move.expected import Expectation
from demo.move.people import make_export
from demo.move.vendor_file import write_segment_export

Json = dict[str, Any]

#: The identifiers by which duplicates are merged, in order.
RUNS = ("email", "phone")
#: Maximum seconds until the relay has numbered the last changes of the feed.
FEED_S = 60.0
#: Seconds without any progress after which the wait for the merges fails.
STALL_S = 120.0
PAUSE_S = 0.2
WAITING = ("queued", "running")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """The result of a move whose checks all passed."""

    profiles: int
    merged: int
    survivors: int
    ids: int
    #: Step → seconds.
    seconds: Mapping[str, float]


def move(client: Client, folder: Path, *, profiles: int, seed: int, on_step: Callable[[str], None]) -> Moved:
    """Move a generated export of *profiles* into the empty workspace of *client*; write files to *folder*.

    Raises DemoError if a step or a check fails.
    """
    seconds: dict[str, float] = {}

    def step(name: str, do: Callable[[], Any]) -> Any:
        on_step(name)
        begun = monotonic()
        result = do()
        seconds[name] = monotonic() - begun
        return result

    archive, exported = folder / "segment.zip", folder / "profiles.jsonl"
    feed, survivors = folder / "changes.jsonl", folder / "ids.jsonl"
    expected = Expectation()
    made = expected.follow(make_export(profiles, seed=seed))
    step("make the vendor's export", lambda: write_segment_export(archive, made))
    step("mergelane profiles import", lambda: _import(client, archive, profiles))
    for identifier in RUNS:
        step(f"mergelane duplicates run, by {identifier}", lambda: _merge(client, expected, identifier))  # noqa: B023
    merges = merges_of_jobs(client)
    step("mergelane profiles export", lambda: run_command(client, "profiles", "export", exported))
    step("mergelane identities export", lambda: _export_feed(client, feed, expected.merges))
    step("mergelane identities survivors", lambda: run_command(client, "identities", "survivors", survivors))
    on_step("compare")
    check_feed(expected, feed, merges)
    ids = check_survivors(expected, survivors)
    return Moved(
        profiles=profiles,
        merged=expected.merges,
        survivors=check_export(expected, exported),
        ids=ids,
        seconds=seconds,
    )


def _import(client: Client, archive: Path, profiles: int) -> None:
    printed = run_command(client, "profiles", "import", archive)
    if printed != f"created {profiles:,}.\n":
        raise DemoError(f"The import of {profiles:,} profiles printed: {printed}")


def _merge(client: Client, expected: Expectation, identifier: str) -> None:
    """Merge the duplicates by *identifier*, and wait until all jobs have finished."""
    rule = ("--identifier", identifier, "--resolve-ties-by", "created", "--prefer", "oldest")
    run_command(client, "duplicates", "policy", *rule)
    run = orjson.loads(run_command(client, "duplicates", "run", "--wait", "--json"))
    expected_merges = expected.merge_duplicates(identifier)
    if (run["state"], run["counts"]["to_merge"]) != ("finished", expected_merges):
        raise DemoError(f"The run by {identifier} should merge {expected_merges:,} profiles: {run}")
    _wait_for_jobs(client)


def _wait_for_jobs(client: Client) -> None:
    """Wait until no job is unfinished; raise DemoError if none finishes for a long time."""
    before: list[Any] = []
    pause, deadline = threading.Event(), monotonic() + STALL_S
    while any(waiting := [client.get(f"/merge/jobs?state={state}&limit=1")["jobs"] for state in WAITING]):
        if waiting != before:
            before, deadline = waiting, monotonic() + STALL_S
        if monotonic() > deadline:
            raise DemoError(f"No merge finished within {STALL_S:g} seconds.")
        pause.wait(PAUSE_S)


def _export_feed(client: Client, path: Path, changes: int) -> None:
    """Export the feed, and repeat this until the relay has numbered all *changes*."""
    pause, deadline = threading.Event(), monotonic() + FEED_S
    while True:
        run_command(client, "identities", "export", path)
        found = sum(1 for _ in read_lines(path))
        if found >= changes:
            return
        if monotonic() > deadline:
            raise DemoError(f"The feed has {found:,} of {changes:,} changes after {FEED_S:g} seconds.")
        pause.wait(PAUSE_S)
