"""The document on performance tells the last whole run that was kept, to the letter."""

from bench.curves import CAUSES, CURVE_TITLES
from bench.documents import BEGIN, CURVE_MARKS, END, curves_text, results_text, with_results
from bench.parts.growth import CURVES
from bench.run import KNOWN
from tests.project.tree import text_of

DOCUMENT = "docs/performance.md"


def test_it_tells_the_last_whole_run() -> None:
    """`python -m bench --write-docs` brings it up to date."""
    assert with_results(text_of(DOCUMENT), results_text()) == text_of(DOCUMENT)


def test_it_tells_the_kept_curves() -> None:
    assert with_results(text_of(DOCUMENT), curves_text(), CURVE_MARKS) == text_of(DOCUMENT)


def test_every_curve_has_a_title_and_the_cause_of_its_slope() -> None:
    assert CURVES.keys() == CURVE_TITLES.keys() == CAUSES.keys()


def test_it_explains_every_part() -> None:
    explained = text_of(DOCUMENT).partition(BEGIN)[0]

    # End to end is what the whole document is about.
    assert [part for part in KNOWN if part != "throughput" and f"- **{part}**: " not in explained] == []


def test_the_marks_are_there_once() -> None:
    assert (text_of(DOCUMENT).count(BEGIN), text_of(DOCUMENT).count(END)) == (1, 1)
