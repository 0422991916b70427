"""docs/job-lifecycle.md tells every kind, state and outcome once, the outcomes in the order in which they are tried."""

import re

import pytest

from schemas.outcomes import JobKind, JobState, Outcome
from tests.project.tree import text_of

DOCUMENT = text_of("docs/job-lifecycle.md")


@pytest.mark.parametrize(("heading", "members"), [("Kinds", JobKind), ("States", JobState), ("Outcomes", Outcome)])
def test_every_member_has_a_row_in_the_order_of_the_code(heading: str, members: type[JobKind]) -> None:
    (table,) = re.findall(rf"^## {heading}$(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)

    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [member.value for member in members]


def test_the_drawing_passes_every_state_and_no_other() -> None:
    (drawing,) = re.findall(r"```mermaid\n(.*?)```", DOCUMENT, re.DOTALL)
    steps = re.findall(r"^ *(\S+) --> ([^\s:]+)", drawing, re.MULTILINE)

    assert {state for step in steps for state in step} - {"[*]"} == set(JobState)
