"""Checks the result of a move: the export, the outcomes of the jobs, the identity feed and the survivors agree."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from demo.client import Client
from demo.errors import DemoError
from demo.move.expected import Expectation
from demo.move.facts import read_facts

Json = dict[str, Any]
#: A merge: job, orphan, survivor.
Merge = tuple[str, str, str]

#: Jobs on a page of the API.
PAGE = 100
#: Maximum number of differences in an error.
MAX_DIFFERENCES = 5


def read_lines(path: Path) -> Iterator[Json]:
    """Yield the objects of a file of JSON Lines."""
    with path.open("rb") as file:
        yield from map(orjson.loads, file)


def merges_of_jobs(client: Client) -> list[Merge]:
    """Return the merges of all jobs of the workspace. Raises DemoError for a job that did not merge."""
    merges, cursor = [], ""
    while True:
        page = client.get(f"/merge/jobs?limit={PAGE}{cursor}")
        for job in page["jobs"]:
            if job["outcome"] != "merged":
                raise DemoError(f"Job {job['job_id']} has the outcome {job['outcome']}: {job['reason']}")
            merges.append((job["job_id"], job["orphan"]["braze_id"], job["survivor"]["braze_id"]))
        if page["next_cursor"] is None:
            return merges
        cursor = f"&cursor={page['next_cursor']}"


def check_export(expected: Expectation, path: Path) -> int:
    """Check that *path* has exactly the expected profiles, each with its sums and parts; return their number.

    Raises DemoError.
    """
    live = dict(expected.live)
    for profile in read_lines(path):
        facts = live.pop(profile["braze_id"], None)
        if facts is None:
            raise DemoError(f"The export has {profile['braze_id']}, which was merged, or has it twice.")
        found = read_facts(profile)
        if (found.external_id, found.sums, found.parts) != (facts.external_id, facts.sums, facts.parts):
            raise DemoError(f"The export has {profile['braze_id']} with {found} instead of {facts}.")
    if live:
        raise DemoError(f"The export lacks {len(live)} profiles, for example {next(iter(live))}.")
    return len(expected.live)


def check_feed(expected: Expectation, path: Path, merges: Iterable[Merge]) -> None:
    """Check that the feed has each merge of the jobs once, and that its changes result in the expected map.

    Raises DemoError.
    """
    feed: list[Merge] = []
    parents: dict[str, str] = {}
    for number, change in enumerate(read_lines(path), start=1):
        if (change["kind"], change["number"]) != ("merge", number):
            raise DemoError(f"Change {number} of the feed is {change}.")
        orphan, survivor = change["orphan_braze_id"], change["survivor_braze_id"]
        if orphan in parents or survivor in parents:
            raise DemoError(f"Change {number} of the feed names a profile that an earlier one merged: {change}.")
        feed.append((change["job_id"], orphan, survivor))
        parents[orphan] = survivor
    _compare("merges of the feed", sorted(feed), sorted(merges))
    _compare_maps("the feed", {each: _end_of(each, parents.get) for each in expected.id_map()}, expected.id_map())


def check_survivors(expected: Expectation, path: Path) -> int:
    """Check that *path* has every id of the vendor's export with its survivor; return the number of ids.

    Raises DemoError.
    """
    survivors = expected.id_map()
    found: dict[str, str] = {}
    for known in read_lines(path):
        kind, name = known["id_type"], known["id"]
        named = name if kind == "braze_id" else expected.external_ids.get(name)
        state = "current" if named is not None and survivors.get(named) == named else "merged"
        if known["state"] != state:
            raise DemoError(f"The {kind} {name} has the state {known['state']} instead of {state}.")
        found[f"{kind} {name}"] = known["survivor_braze_id"]
    by_external_id = {f"external_id {name}": survivors[owner] for name, owner in expected.external_ids.items()}
    _compare_maps(
        "the survivors", found, {**{f"braze_id {each}": survivors[each] for each in survivors}, **by_external_id}
    )
    return len(found)


def _end_of(braze_id: str, parent: Callable[[str], str | None]) -> str:
    while (following := parent(braze_id)) is not None:
        braze_id = following
    return braze_id


def _compare(what: str, found: list[Merge], expected: list[Merge]) -> None:
    if found != expected:
        raise DemoError(
            f"The {what} differ: {sorted(set(found) ^ set(expected))[:MAX_DIFFERENCES]} are on one side only."
        )


def _compare_maps(what: str, found: Mapping[str, str], expected: Mapping[str, str]) -> None:
    different = [each for each in found.keys() | expected.keys() if found.get(each) != expected.get(each)]
    if different:
        examples = [(each, found.get(each), expected.get(each)) for each in sorted(different)[:MAX_DIFFERENCES]]
        raise DemoError(f"{len(different)} ids of {what} lead elsewhere: {examples}")
