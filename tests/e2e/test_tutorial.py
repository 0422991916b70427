"""The tutorial: its commands run unchanged against a running system, except for the port, the key and the folder."""

import re
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support.pages import read_blocks, run_blocks
from tests.support.system import System

STARTED, *BLOCKS = read_blocks("tutorial.md")
DEADLINE_S = 60


@pytest.fixture
def outputs(system: System, tmp_path: Path) -> list[str]:
    """The output of each block of commands, in order."""
    replacements = {
        "http://127.0.0.1:8000": system.base_url,
        "try-mergelane": system.client.key,
        "$PWD/.venv/bin": str(Path(sys.executable).parent),
    }
    printed = run_blocks(BLOCKS, replacements=replacements, folder=tmp_path, seconds=DEADLINE_S)
    assert [each.status for each in printed] == [0] * len(BLOCKS), printed[-1]
    return [each.text for each in printed]


def test_the_commands_of_the_tutorial_have_its_results(outputs: list[str]) -> None:
    _, written, _, preview, accepted, job, undone, export, file, listed, plan, applied = outputs
    (previewed,) = _answer(preview)["updates"]
    (merged,) = _answer(accepted)["batch"]["jobs"]
    (undo,) = _answer(undone)["batch"]["jobs"]
    (guest,) = _answer(export)["users"]

    assert "make up" in STARTED.commands
    assert _answer(written)["message"] == "success"
    assert (previewed["outcome"], merged["outcome"], undo["outcome"]) == ("merged", "merged", "undone")
    assert by_field(_answer(job)["changes"]) == by_field(previewed["changes"])
    assert {"last_name", "total_revenue"} <= by_field(previewed["changes"]).keys()
    assert "custom_attributes.plan" not in by_field(previewed["changes"])
    assert (guest["last_name"], guest["total_revenue"]) == ("Hopper", 25.0)
    assert re.findall(r"^\d+,(\w+),", file, re.MULTILINE) == ["merged", "orphan_not_found"]
    assert "2 pairs: merged 1, orphan_not_found 1. The outcomes are in pairs.preview.csv." in file
    assert re.findall(r"finished +(\w+)", listed) == ["orphan_not_found", "merged", "undone", "merged"]
    assert "1 pairs: merged 1. The plan is in guests.plan.csv." in plan
    assert re.findall(r"^counts +(\w+=1)", applied, re.MULTILINE) == ["merged=1", "undone=1"]


def _answer(printed: str) -> dict[str, Any]:
    """Return the answer that a block of commands printed."""
    answer: dict[str, Any] = orjson.loads(printed)
    return answer


def by_field(changes: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the changes by the field that changed."""
    return {change["field"]: change for change in changes}
