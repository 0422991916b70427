"""The document on performance tells the last whole run that was kept, to the letter."""

from bench.documents import BEGIN, END, told, with_results
from bench.run import PARTS
from tests.project.tree import text_of

DOCUMENT = "docs/performance.md"


def test_it_tells_the_last_whole_run() -> None:
    """`python -m bench --write-docs` brings it up to date."""
    assert with_results(text_of(DOCUMENT), told()) == text_of(DOCUMENT)


def test_it_explains_every_part() -> None:
    explained = text_of(DOCUMENT).partition(BEGIN)[0]

    # End to end is what the whole document is about.
    assert [part for part in PARTS if part != "throughput" and f"- **{part}**: " not in explained] == []


def test_the_marks_are_there_once() -> None:
    assert (text_of(DOCUMENT).count(BEGIN), text_of(DOCUMENT).count(END)) == (1, 1)
