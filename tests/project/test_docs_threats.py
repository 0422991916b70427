"""docs/threat-model.md names tests that exist, at least one for each threat."""

import ast
import re

import pytest

from tests.project.tree import ROOT, parsed, text_of

DOCUMENT = text_of("docs/threat-model.md")
THREATS = DOCUMENT.partition("## Threats and measures")[2].partition("## What does not hold")[0]
REFERENCES = sorted(
    set(re.findall(r"`((?:unit|integration|contract|e2e|chaos|project)/[\w/]+\.py(?:::\w+)?)`", THREATS))
)


def rows() -> list[str]:
    """Return the rows of the tables of threats, without their heads."""
    return [
        line
        for line in THREATS.splitlines()
        if line.startswith("| ") and not line.startswith(("| Threat |", "| Finding |"))
    ]


def test_every_threat_has_a_measure_and_a_test() -> None:
    assert len(rows()) > 20
    assert [row for row in rows() if not re.search(r"\.py(::\w+)?`", row) or row.count(" | ") != 2] == []


@pytest.mark.parametrize("reference", REFERENCES)
def test_every_test_that_is_named_exists(reference: str) -> None:
    file, _, name = reference.partition("::")
    functions = [node.name for node in ast.walk(parsed(ROOT / "tests" / file)) if isinstance(node, ast.FunctionDef)]

    assert any(function.startswith("test_") for function in functions)
    assert not name or name in functions
