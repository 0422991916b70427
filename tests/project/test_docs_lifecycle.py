"""docs/job-lifecycle.md tells every kind, state and outcome once, the outcomes in the order in which they are tried."""

import re
import runpy

import pytest

from schemas.job_transitions import MEANINGS, TRANSITIONS, JobEvent, Phase
from schemas.outcomes import JobKind, JobState, Outcome
from tests.project.tree import ROOT, text_of

DOCUMENT = text_of("docs/job-lifecycle.md")


@pytest.mark.parametrize(("heading", "members"), [("Kinds", JobKind), ("States", JobState), ("Outcomes", Outcome)])
def test_every_member_has_a_row_in_the_order_of_the_code(heading: str, members: type[JobKind]) -> None:
    (table,) = re.findall(rf"^## {heading}$(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)

    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [member.value for member in members]


def test_the_diagram_and_the_transitions_are_those_of_the_code() -> None:
    """`python .ci/lifecycle.py` and `make diagrams` bring them up to date."""
    renewed = runpy.run_path(str(ROOT / ".ci" / "lifecycle.py"))["renewed"]

    assert renewed(DOCUMENT) == DOCUMENT


def test_the_table_of_transitions_covers_every_event_phase_and_state() -> None:
    phases = {phase for transitions in TRANSITIONS.values() for phase in transitions}
    reached = {after for transitions in TRANSITIONS.values() for each in transitions.values() for after in each}

    assert TRANSITIONS.keys() == MEANINGS.keys() == set(JobEvent)
    assert phases | reached == set(Phase)
    assert {phase.state for phase in Phase} == set(JobState)
