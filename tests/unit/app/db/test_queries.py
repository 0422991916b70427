"""Parses the named queries of a file, and the fragments that they include."""

import pytest

from app.db.queries import parse_queries

FILE = """-- fragment: small
-- It says what it does.
a = 1

-- fragment: large
b = 2 AND /* include small */

-- name: one
SELECT 1 WHERE /* include large */
"""


def test_a_query_contains_its_fragments_and_their_nested_fragments() -> None:
    assert parse_queries(FILE) == [("one", "\nSELECT 1 WHERE b = 2 AND a = 1\n")]


def test_a_fragment_cannot_include_a_later_fragment() -> None:
    small, large, one = FILE.split("\n\n")

    with pytest.raises(KeyError, match="small"):
        parse_queries(f"{large}\n\n{small}\n\n{one}")
