"""A small move from the vendor: import, deduplicate, export, and check the id map."""

from collections import deque
from pathlib import Path

import orjson
import pytest

from demo.client import Client as DemoClient
from demo.errors import DemoError
from demo.move.checks import check_export, check_feed, check_survivors, merges_of_jobs
from demo.move.expected import Expectation
from demo.move.journey import RUNS, move
from demo.move.people import make_export
from tests.support.client import Client

PROFILES, SEED = 500, 18


def test_a_vendors_export_is_moved_and_the_id_map_matches_the_outcomes(client: Client, tmp_path: Path) -> None:
    vendor = DemoClient(client.base_url, client.key)
    moved = move(vendor, tmp_path, profiles=PROFILES, seed=SEED, on_step=print)

    assert moved.profiles == PROFILES
    assert moved.merged > PROFILES / 5
    assert moved.survivors == PROFILES - moved.merged
    assert moved.ids > PROFILES
    _a_change_of_any_file_is_found(vendor, tmp_path)


def _a_change_of_any_file_is_found(client: DemoClient, folder: Path) -> None:
    expected = Expectation()
    deque(expected.follow(make_export(PROFILES, seed=SEED)), maxlen=0)
    for identifier in RUNS:
        expected.merge_duplicates(identifier)
    merges = merges_of_jobs(client)
    checks = {
        "profiles.jsonl": lambda path: check_export(expected, path),
        "changes.jsonl": lambda path: check_feed(expected, path, merges),
        "ids.jsonl": lambda path: check_survivors(expected, path),
    }
    for name, check in checks.items():
        path = folder / name
        check(path)
        *lines, last = path.read_bytes().splitlines(keepends=True)
        others = [b"".join(lines), b"".join([*lines, last, last])]
        if name == "ids.jsonl":
            others = [b"".join(lines), b"".join([*lines, _elsewhere(last)])]
        for content in others:
            path.write_bytes(content)
            with pytest.raises(DemoError):
                check(path)


def _elsewhere(line: bytes) -> bytes:
    return orjson.dumps({**orjson.loads(line), "survivor_braze_id": "0" * 24})
