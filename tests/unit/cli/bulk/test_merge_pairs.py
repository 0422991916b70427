"""Pairs in CSV and JSON Lines are equivalent, and are validated as in the API."""

from typing import Any

import pytest

from app.text_files.lines import Position, Record
from app.text_files.merge_columns import PAIR_COLUMNS, cells_from_update, check_columns, update_from_cells
from app.text_files.merge_pairs import FilePair, parse_pairs
from cli.bulk.files import FileError, FileFormat
from cli.bulk.merge_batches import MAX_LINES, idempotency_key, split_pairs

IDENTIFIERS = [
    ({"external_id": " Ada "}, {"external_id": " Ada "}),
    ({"alias_label": "shop", "alias_name": "7"}, {"user_alias": {"alias_label": "shop", "alias_name": "7"}}),
    (
        {"email": "a@example.com", "prioritization": "identified  most_recently_updated"},
        {"email": "a@example.com", "prioritization": ["identified", "most_recently_updated"]},
    ),
    (
        {"phone": "+14155550101", "prioritization": "unidentified"},
        {"phone": "+14155550101", "prioritization": ["unidentified"]},
    ),
]
GOOD = {"identifier_to_merge": {"external_id": "a"}, "identifier_to_keep": {"external_id": "b"}}


def record(value: Any, line: int = 1) -> Record:
    return Record(line=line, value=value, fault=None, end=Position(offset=line * 10, lines=line))


def pair(value: Any) -> FilePair:
    (found,) = parse_pairs([record(value)], FileFormat.JSONL)
    return found


@pytest.mark.parametrize(("cells", "identifier"), IDENTIFIERS)
def test_every_kind_of_identifier_has_its_columns_on_both_sides(cells: dict[str, str], identifier: Any) -> None:
    row = {f"{side}_{part}": text for side in ("merge", "keep") for part, text in cells.items()}
    update = {"identifier_to_merge": identifier, "identifier_to_keep": identifier}

    assert update_from_cells(row) == update
    assert pair(update).fault is None
    assert update_from_cells(cells_from_update(update)) == update


@pytest.mark.parametrize(
    "cells",
    [
        {},
        {"merge_external_id": "a"},
        {"merge_external_id": "a", "merge_email": "a@example.com", "keep_external_id": "b"},
        {"merge_alias_name": "7", "keep_external_id": "b"},
        {"merge_email": "a@example.com", "merge_prioritization": "newest", "keep_external_id": "b"},
        {"merge_external_id": "a\0", "keep_external_id": "b"},
        {"merge_external_id": "a" * 1000, "keep_external_id": "b"},
    ],
)
def test_a_row_without_a_pair_is_refused_with_the_reason(cells: dict[str, str]) -> None:
    (found,) = parse_pairs([record({**dict.fromkeys(PAIR_COLUMNS, ""), **cells})], FileFormat.CSV)

    assert found.fault
    assert found.fault[0] != "{"


@pytest.mark.parametrize("value", [None, 5, "a", [], [GOOD], {}, {**GOOD, "more": 1}, {"identifier_to_merge": 1}])
def test_a_line_without_a_pair_is_refused_with_the_reason(value: Any) -> None:
    assert pair(value).fault


def test_unrelated_columns_are_ignored_and_misspelt_columns_are_refused() -> None:
    check_columns(["name", "merge_email", "merge_prioritization", "keep_external_id"])
    with pytest.raises(FileError, match="Unknown column 'merge_id'"):
        check_columns(["merge_id", "keep_external_id"])
    with pytest.raises(FileError, match="No column of the file begins with keep_"):
        check_columns(["merge_external_id"])


def test_a_pair_in_a_line_of_an_outcome_file_is_read_without_its_result() -> None:
    result = {"line": 7, "outcome": "orphan_not_found", "reason": "", "job_id": "1", "orphan_braze_id": "2"}
    text = '{"identifier_to_merge": {"external_id": "a"}, "identifier_to_keep": {"external_id": "b"}}'

    assert pair({**result, **GOOD}).update == GOOD
    assert pair({**result, **GOOD}).fault is None
    assert pair({**result, "text": text}).fault is None
    assert pair({**result, "text": text[:-1]}).fault
    assert pair({**result, **GOOD, "more": 1}).fault


def test_a_refused_pair_keeps_its_whole_text() -> None:
    assert (
        pair({**GOOD, "more": 1}).text
        == '{"identifier_to_merge":{"external_id":"a"},"identifier_to_keep":{"external_id":"b"},"more":1}'
    )
    assert pair([1]).text == "[1]"
    assert pair({**GOOD, "identifier_to_keep": 5}).text is None


def test_escaped_cells_of_an_outcome_file_are_read_back() -> None:
    cells = {**dict.fromkeys(PAIR_COLUMNS, ""), "merge_external_id": "'=1", "keep_external_id": r"a\u000ab"}
    (escaped,) = parse_pairs([record(cells)], FileFormat.CSV, safe_cells=True)
    (exact,) = parse_pairs([record(cells)], FileFormat.CSV)

    assert escaped.update["identifier_to_merge"] == {"external_id": "=1"}
    assert escaped.update["identifier_to_keep"] == {"external_id": "a\nb"}
    assert exact.update["identifier_to_merge"] == {"external_id": "'=1"}


def many(good: int, bad: int) -> list[FilePair]:
    values = [GOOD] * good + [5] * bad
    return list(parse_pairs((record(value, line) for line, value in enumerate(values, start=1)), FileFormat.JSONL))


def test_a_chunk_has_the_pairs_of_one_request_and_the_bad_lines_between_them() -> None:
    found = list(split_pairs(many(120, 3)))

    assert [len(chunk.valid) for chunk in found] == [50, 50, 20]
    assert [chunk.line for chunk in found] == [1, 51, 101]
    assert found[-1].end == Position(offset=1230, lines=123)


def test_a_file_with_only_bad_lines_is_split_too() -> None:
    assert [len(chunk.pairs) for chunk in split_pairs(many(0, MAX_LINES + 1))] == [MAX_LINES, 1]


def test_the_rest_of_a_file_is_split_as_before() -> None:
    whole = many(130, 0)
    first, second, third = split_pairs(whole)

    assert list(split_pairs(whole[50:])) == [second, third]
    assert first.sharing_keys == second.sharing_keys


def test_an_idempotency_key_depends_on_the_run_the_place_and_the_pairs() -> None:
    one, other = many(2, 0), [pair({**GOOD, "identifier_to_keep": {"external_id": "c"}})]
    keys = [
        idempotency_key(one[:1], "x"),
        idempotency_key(one[1:], "x"),
        idempotency_key(one, "x"),
        idempotency_key(one[:1], "y"),
        idempotency_key(other, "x"),
    ]

    assert len(set(keys)) == 5
    assert idempotency_key(one[:1], "x") == keys[0]
