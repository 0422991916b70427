"""docs/performance.md contains exactly the results of the last stored whole run."""

from bench.curves import CAUSES, CURVE_TITLES
from bench.documents import BEGIN, CURVE_MARKS, END, curves_text, results_text, with_results
from bench.parts.growth import CURVES
from bench.run import KNOWN
from tests.project.tree import text_of

DOCUMENT = "docs/performance.md"


def test_it_contains_the_last_whole_run() -> None:
    """`python -m bench --write-docs` brings it up to date."""
    assert with_results(text_of(DOCUMENT), results_text()) == text_of(DOCUMENT)


def test_it_contains_the_stored_curves() -> None:
    assert with_results(text_of(DOCUMENT), curves_text(), CURVE_MARKS) == text_of(DOCUMENT)


def test_every_curve_has_a_title_and_the_cause_of_its_slope() -> None:
    assert CURVES.keys() == CURVE_TITLES.keys() == CAUSES.keys()


def test_it_explains_every_part() -> None:
    explained = text_of(DOCUMENT).partition(BEGIN)[0]

    # The whole document is about the part end to end.
    assert [part for part in KNOWN if part != "throughput" and f"- **{part}**: " not in explained] == []


def test_each_mark_occurs_once() -> None:
    assert (text_of(DOCUMENT).count(BEGIN), text_of(DOCUMENT).count(END)) == (1, 1)
