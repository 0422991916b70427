"""The tutorial, its commands run to the letter against a running system; only the port, key and folder differ."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.environment import child_environ
from tests.support.missing import missing
from tests.support.system import System

TUTORIAL = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text(encoding="utf-8")
STARTED, *BLOCKS = re.findall(r"^```sh\n(.*?)^```", TUTORIAL, re.MULTILINE | re.DOTALL)
MARK = "---- end of block ----"
DEADLINE_S = 60


@pytest.fixture
def told(system: System, tmp_path: Path) -> list[str]:
    """What each block of commands printed, in their order."""
    if shutil.which("curl") is None or shutil.which("bash") is None:
        missing("curl and bash", FileNotFoundError("the tutorial's commands need them"))
    script = "".join(f"{block}echo '{MARK}'\n" for block in BLOCKS)
    for theirs, ours in (
        ("http://127.0.0.1:8000", system.base_url),
        ("try-mergelane", system.client.key),
        ("$PWD/.venv/bin", str(Path(sys.executable).parent)),
    ):
        assert theirs in script
        script = script.replace(theirs, ours)
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=tmp_path,
        env=child_environ(),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split(MARK)[:-1]


def test_the_tutorial_goes_as_it_says(told: list[str]) -> None:
    _, written, _, preview, accepted, job, undone, export, file, listed = told
    (rehearsed,) = _answer(preview)["updates"]
    (merged,) = _answer(accepted)["batch"]["jobs"]
    (undo,) = _answer(undone)["batch"]["jobs"]
    (guest,) = _answer(export)["users"]

    assert "make up" in STARTED
    assert _answer(written)["message"] == "success"
    assert (rehearsed["outcome"], merged["outcome"], undo["outcome"]) == ("merged", "merged", "undone")
    assert by_field(_answer(job)["changes"]) == by_field(rehearsed["changes"])
    assert {"last_name", "total_revenue"} <= by_field(rehearsed["changes"]).keys()
    assert "custom_attributes.plan" not in by_field(rehearsed["changes"])
    assert (guest["last_name"], guest["total_revenue"]) == ("Hopper", 25.0)
    assert re.findall(r"^\d+,(\w+),", file, re.MULTILINE) == ["merged", "orphan_not_found"]
    assert "2 pairs: merged 1, orphan_not_found 1. The outcomes are in pairs.preview.csv." in file
    assert re.findall(r"finished +(\w+)", listed) == ["orphan_not_found", "merged", "undone", "merged"]


def _answer(printed: str) -> dict[str, Any]:
    """Return the answer that a block of commands printed."""
    answer: dict[str, Any] = orjson.loads(printed)
    return answer


def by_field(changes: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the changes by the field that changed."""
    return {change["field"]: change for change in changes}
