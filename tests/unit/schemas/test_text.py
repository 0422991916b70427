"""Checks of text: the database never gets text that it refuses."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.text import (
    CONTROL,
    FORMULAS,
    MAX_DEPTH,
    MAX_STRING,
    UnfitText,
    check_body,
    quoted,
    read_safe_cell,
    replace_controls,
    safe_cell,
)

ANY_TEXT = st.text(st.characters(exclude_categories=()))


def nested(levels: int, *, kind: type) -> Any:
    """Return a value within *levels* arrays or objects."""
    value: Any = 1
    for _ in range(levels):
        value = [value] if kind is list else {"a": value}
    return value


def placed(text: str) -> list[Any]:
    """Return bodies with *text* in each place of a string."""
    return [text, [text], {"a": text}, {text: 1}, {"a": [{"b": {text: [1]}}]}, [[], {}, {"a": [None, text]}]]


@pytest.mark.parametrize("body", placed("with a \x00 in it"))
def test_a_nul_is_refused_anywhere(body: Any) -> None:
    with pytest.raises(UnfitText, match=r"may not contain the NUL character"):
        check_body(body)


@pytest.mark.parametrize("surrogate", [*map(chr, (0xD800, 0xDBFF, 0xDC00, 0xDFFF)), "ok " + chr(0xD83D)])
@pytest.mark.parametrize("place", range(6))
def test_a_lone_surrogate_is_refused_anywhere(surrogate: str, place: int) -> None:
    with pytest.raises(UnfitText, match=r"may not contain a lone surrogate"):
        check_body(placed(surrogate)[place])


@pytest.mark.parametrize("text", ["", "ä", "😀", "\ud7ff\ue000", "\x01\x1f\x7f", "\u2028", "\uffff", "\U0010ffff"])
def test_other_text_passes(text: str) -> None:
    for body in placed(text):
        check_body(body)


def test_the_longest_string_passes_and_a_longer_one_does_not() -> None:
    check_body({"a": "x" * MAX_STRING})

    with pytest.raises(UnfitText, match=r"longer than 100,000 characters"):
        check_body({"a": "x" * (MAX_STRING + 1)})


@pytest.mark.parametrize("kind", [list, dict])
def test_the_deepest_nesting_passes_and_a_deeper_one_does_not(kind: type) -> None:
    check_body(nested(MAX_DEPTH, kind=kind))

    with pytest.raises(UnfitText, match=r"deeper than 32 levels"):
        check_body(nested(MAX_DEPTH + 1, kind=kind))


def test_nesting_without_end_is_refused_without_recursion() -> None:
    with pytest.raises(UnfitText):
        check_body(nested(200_000, kind=list))


@pytest.mark.parametrize("body", [None, True, 0, 1.5, [], {}, [None, [False, {}]]])
def test_values_without_text_pass(body: Any) -> None:
    check_body(body)


@given(st.recursive(st.none() | ANY_TEXT, lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner)))
def test_a_passed_body_can_be_stored(body: Any) -> None:
    try:
        check_body(body)
    except UnfitText:
        return

    for text in strings(body):
        assert "\x00" not in text
        assert text.encode().decode() == text


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("plan", "plan"),
        ("größe \N{GRINNING FACE}", "größe \N{GRINNING FACE}"),
        ("a\nb\r\x1b[31m", "a\ufffdb\ufffd\ufffd[31m"),
        ("x" * 100, "x" * 100),
        ("x" * 100_000, "x" * 100 + "…"),
    ],
)
def test_a_clients_text_is_quoted_in_one_line_and_truncated(word: str, expected: str) -> None:
    assert quoted(word) == expected


def strings(body: Any) -> list[str]:
    """Return every string in *body*."""
    if isinstance(body, str):
        return [body]
    inner = [*body.keys(), *body.values()] if isinstance(body, dict) else body if isinstance(body, list) else []
    return [text for each in inner for text in strings(each)]


CELLS = st.text(st.one_of(st.sampled_from("'=+-@\\u005c0a1\n\t\x1b\u202e\ufeff＝ "), st.characters()), max_size=12)  # noqa: RUF001


@given(CELLS)
def test_a_cell_is_no_formula_has_no_control_character_and_is_read_back(text: str) -> None:
    cell = safe_cell(text)

    assert not CONTROL.search(cell)
    assert not cell.startswith(FORMULAS) or (cell[0] == "+" and cell[1:].isdecimal())
    assert read_safe_cell(cell) == text


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1", "'=1"),
        ("+1 2", "'+1 2"),
        ("-1", "'-1"),
        ("@a", "'@a"),
        ("＝1", "'＝1"),  # noqa: RUF001
        ("'=1", "''=1"),
        ("\t=1", r"\u0009=1"),
        ("a=1", "a=1"),
        ("'a", "'a"),
        ("+14155550123", "+14155550123"),
        ("a\nb\x1b[2J\u202e", r"a\u000ab\u001b[2J\u202e"),
        (r"\u000a", r"\u005cu000a"),
        ("José 👩\u200d💻", "José 👩\u200d💻"),
    ],
)
def test_formulas_and_hidden_characters_are_escaped(text: str, cell: str) -> None:
    assert safe_cell(text) == cell


def test_a_terminal_gets_no_control_character() -> None:
    assert (
        replace_controls("a\x1b]0;b\x07\r\n\x9b\u202e\u2028é👩\u200d💻") == "a\ufffd]0;b" + "\ufffd" * 6 + "é👩\u200d💻"
    )
