"""The table of log events in docs/operations.md names events that the code logs."""

import re

import pytest

from tests.project.tree import ROOT, packaged

TABLE = re.compile(r"^\| Process \| Message \|.*?(?=\n\n)", re.MULTILINE | re.DOTALL)
EVENT = re.compile(r"`([a-z_]+)`")
#: Calls that log at WARNING or above; such an event is documented.
SEVERE = re.compile(r"\b(?:log|LOG)\.(?:warning|error|exception|critical)\(\s*\"([a-z_]+)[\":]")
SOURCES = {path: path.read_text(encoding="utf-8") for path in packaged("*.py")}


def documented() -> set[str]:
    found = TABLE.search((ROOT / "docs" / "operations.md").read_text(encoding="utf-8"))
    assert found is not None
    return {event for line in found[0].splitlines()[2:] for event in EVENT.findall(line.split("|")[2])}


@pytest.mark.parametrize("event", sorted(documented()))
def test_a_documented_event_is_logged(event: str) -> None:
    assert any(f'"{event}' in text for text in SOURCES.values())


def test_each_event_at_warning_or_above_is_documented() -> None:
    logged = {event for text in SOURCES.values() for event in SEVERE.findall(text)}

    assert logged - documented() == set()
