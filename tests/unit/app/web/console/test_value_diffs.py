"""The differences of two long values: parts of both, short enough for a page for any values."""

from hypothesis import given
from hypothesis import strategies as st

from app.web.console.value_diffs import (
    LONG,
    MAX_OTHER,
    MAX_SAME,
    DiffKind,
    DiffPart,
    diff_values,
    is_worth_diffing,
)

TEXTS = st.lists(st.sampled_from(["ab", "c", " ", ",", "\n"]), max_size=12).map("".join)


def kept(parts: list[DiffPart], but: DiffKind) -> str:
    """Return the text of all parts of another kind than *but*."""
    return "".join(part.text for part in parts if part.kind is not but)


@given(old=TEXTS, new=TEXTS)
def test_the_parts_contain_both_texts(old: str, new: str) -> None:
    parts = diff_values(old, new)

    assert (kept(parts, DiffKind.ADDED), kept(parts, DiffKind.REMOVED)) == (old, new)


def test_one_changed_key_of_a_document_is_one_changed_line() -> None:
    old = {f"key{nth}": nth for nth in range(100)}
    parts = diff_values(old, {**old, "key50": "other"})

    assert [part.text.strip() for part in parts if part.kind is DiffKind.REMOVED] == ['"key50": 50,']
    assert [part.text.strip() for part in parts if part.kind is DiffKind.ADDED] == ['"key50": "other",']
    assert all(len(part.text) <= 2 * MAX_SAME + 3 for part in parts)


def test_very_long_texts_without_equal_parts_are_truncated_and_not_compared() -> None:
    parts = diff_values("a " * 100_000, "b " * 100_000)

    assert max(len(part.text) for part in parts) < MAX_OTHER + 50


def test_only_long_values_that_differ_are_compared() -> None:
    long = "x" * (LONG + 1)

    assert is_worth_diffing("short", long)
    assert not is_worth_diffing("short", "other")
    assert not is_worth_diffing(long, long)
    assert not is_worth_diffing(None, long)
