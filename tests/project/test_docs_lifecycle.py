"""docs/job-lifecycle.md lists every kind, state and outcome once, the outcomes in the order of their checks."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.job_transitions import MEANINGS, TRANSITIONS, JobEvent, Phase
from schemas.outcomes import JobKind, JobState, Outcome
from tests.project.tree import ROOT, text_of

DOCUMENT = text_of("docs/job-lifecycle.md")


@pytest.mark.parametrize(("heading", "members"), [("Kinds", JobKind), ("States", JobState), ("Outcomes", Outcome)])
def test_every_member_has_a_row_in_the_order_of_the_code(heading: str, members: type[JobKind]) -> None:
    (table,) = re.findall(rf"^## {heading}$(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)

    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [member.value for member in members]


def test_the_diagram_and_the_transitions_match_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python .ci/lifecycle.py` and `make diagrams` bring them up to date."""
    monkeypatch.syspath_prepend(ROOT / ".ci")
    part = runpy.run_path(str(ROOT / ".ci" / "lifecycle.py"))["PART"]

    assert part.renewed(DOCUMENT) == DOCUMENT


def test_the_script_describes_the_checkout_that_it_is_in(tmp_path: Path) -> None:
    other, elsewhere = tmp_path / "checkout", tmp_path / "elsewhere"
    for name in (".ci", "schemas"):
        shutil.copytree(ROOT / name, other / name, ignore=shutil.ignore_patterns("__pycache__"))
    elsewhere.mkdir()
    document, code = other / "docs" / "job-lifecycle.md", other / "schemas" / "job_transitions.py"
    document.parent.mkdir()
    document.write_text(DOCUMENT, encoding="utf-8")
    code.write_text(code.read_text(encoding="utf-8").replace("A client cancels", "Somewhere a client cancels"))
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, other / ".ci" / "lifecycle.py"]
    subprocess.run(command, cwd=elsewhere, env=environ, check=True, capture_output=True)

    assert "| cancel | Somewhere a client cancels" in document.read_text(encoding="utf-8")


def test_the_table_of_transitions_covers_every_event_phase_and_state() -> None:
    phases = {phase for transitions in TRANSITIONS.values() for phase in transitions}
    reached = {after for transitions in TRANSITIONS.values() for each in transitions.values() for after in each}

    assert TRANSITIONS.keys() == MEANINGS.keys() == set(JobEvent)
    assert phases | reached == set(Phase)
    assert {phase.state for phase in Phase} == set(JobState)
