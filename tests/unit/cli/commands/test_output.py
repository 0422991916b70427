"""Progress is a bar on a terminal, and a line at intervals elsewhere."""

import io
import sys
from itertools import count

import pytest

from cli.commands import output
from cli.commands.output import Progress, format_counts


class Terminal(io.StringIO):
    """A standard error that is a terminal or not."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def output_of(monkeypatch: pytest.MonkeyPatch, *, terminal: bool, total: int | None = 10) -> str:
    """Return the output for a run that had settled 4 of *total* and settles the rest in two steps."""
    stream = Terminal(terminal=terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    # Each reading of the clock is a second after the previous one.
    monkeypatch.setattr(output, "monotonic", count(100).__next__)
    with Progress("lines", total=total, done=4) as bar:
        bar.update(7, {"merged": 7})
        bar.update(10, {"merged": 9, "dead": 1})
    return stream.getvalue()


def test_a_terminal_gets_a_bar_that_starts_at_the_progress_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    text = output_of(monkeypatch, terminal=True)

    assert "4/10" in text
    assert "10/10" in text
    assert "merged" not in text
    assert "3/s" in text


def test_other_outputs_get_a_line_at_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    assert output_of(monkeypatch, terminal=False) == ""

    monkeypatch.setattr(output, "PROGRESS_EVERY_S", 0.0)
    assert output_of(monkeypatch, terminal=False).splitlines() == [
        "7 of 10 lines: merged 7; 3/s, 0:00:01 left",
        "10 of 10 lines: merged 9, dead 1; 2/s, 0:00:00 left",
    ]
    assert output_of(monkeypatch, terminal=True, total=None).splitlines()[0] == "7 lines: merged 7; 3/s"


def test_counts_are_printed_highest_first() -> None:
    assert format_counts({"dead": 1, "merged": 1_200, "invalid": 1}) == "merged 1,200, dead 1, invalid 1"
    assert format_counts({}) == "none yet"
