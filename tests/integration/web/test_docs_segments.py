"""docs/segments.md is correct: its examples get the documented responses, and it names every leaf and comparison."""

import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas.segment_comparisons import ANYTHING, MAX_DAYS_BACK, MAX_PATTERN, MAX_TIMES
from schemas.segment_leaves import ATTRIBUTES, LEAVES
from schemas.segments import MAX_COSTLY, MAX_DEPTH, MAX_LEAVES
from tests.support.flask_caller import Caller
from tests.support.profiles import Json, track

DOCUMENT = (Path(__file__).parents[3] / "docs" / "segments.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```json\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS: list[Json] = [orjson.loads(block) for block in BLOCK.findall(DOCUMENT)]
REQUEST, ANSWER, *FILTERS = BLOCKS
GUEST = {"alias_name": "Joedoe", "alias_label": "full_name"}


def query(caller: Caller, body: Any) -> Json:
    """Return the response to the valid query *body*."""
    response = caller.post("/segments/query", body)
    answer: Json = response.json

    assert response.status_code == 200, answer
    return answer


def test_the_first_example_gets_the_documented_response(caller: Caller) -> None:
    jacket = {"product_id": "jacket", "currency": "USD", "price": 80.0, "time": "2025-01-05T19:20:30+01:00"}
    track(
        caller,
        attributes=[
            {"user_alias": GUEST, "_update_existing_only": False, "is_lead_profile": True},
            {"external_id": "ann", "is_lead_profile": True},
            {"email": "nobody@example.com"},
        ],
        purchases=[{"user_alias": GUEST, **jacket}],
    )

    assert query(caller, REQUEST) == ANSWER


def test_the_page_has_more_than_four_examples() -> None:
    assert len(FILTERS) > 4


@pytest.mark.parametrize("filter_", FILTERS, ids=str)
def test_every_documented_filter_is_valid(caller: Caller, filter_: Json) -> None:
    assert query(caller, {"filter": filter_})["count"] == 0


@pytest.mark.parametrize("word", [*LEAVES, *ANYTHING, *ATTRIBUTES, "segments.query"])
def test_the_page_documents_each_word_of_a_filter(word: str) -> None:
    assert f"`{word}`" in DOCUMENT


def test_the_page_documents_the_bounds() -> None:
    assert f"Groups nest at most {MAX_DEPTH} deep. A filter has at most {MAX_LEAVES}\nleaves" in DOCUMENT
    assert f"at most {MAX_COSTLY} of them may use `days`" in DOCUMENT
    assert f"`count` 0 to {MAX_TIMES}, `days` 1 to\n{MAX_DAYS_BACK}" in DOCUMENT
    assert f"at most {MAX_PATTERN:,} characters" in DOCUMENT
