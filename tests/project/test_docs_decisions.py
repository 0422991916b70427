"""The decisions in docs/adr are numbered without a gap, begin in the same way, and are in their index."""

import re
from pathlib import Path

import pytest

from tests.project.tree import ROOT, name_of

FOLDER = ROOT / "docs" / "adr"
DECISIONS = sorted(FOLDER.glob("[0-9]*.md"))


def test_the_numbers_have_no_gap() -> None:
    assert [path.name[:4] for path in DECISIONS] == [f"{number:04}" for number in range(1, len(DECISIONS) + 1)]


@pytest.mark.parametrize("path", DECISIONS, ids=name_of)
def test_a_decision_opens_with_its_number_and_keeps_to_the_four_headings(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert text.startswith(f"# {path.name[:4]}. ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Status", "Consequences"]


def test_the_index_lists_every_decision() -> None:
    index = (FOLDER / "README.md").read_text(encoding="utf-8")

    assert re.findall(r"\]\((\d{4}[\w-]*\.md)\)", index) == [path.name for path in DECISIONS]
