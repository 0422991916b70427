"""Every error sentence of `POST /users/merge`, over real HTTP."""

from typing import Any

import orjson
import pytest

from tests.support.client import Client
from tests.support.merge_sentences import (
    BOTH_RECENCIES,
    BOTH_STANDINGS,
    EMPTY_PRIORITIZATION,
    NO_PRIORITIZATION,
    NOT_OBJECTS,
    REPEATED_PRIORITY,
    TOO_LONG,
    TOO_MANY,
    UNKNOWN_PRIORITY,
    WRONG_IDENTIFIER,
    WRONG_KEYS,
    WRONG_PRIORITIZATION,
)

KEEP = {"external_id": "survivor"}
MERGE = {"external_id": "orphan"}
UPDATE = {"identifier_to_merge": MERGE, "identifier_to_keep": KEEP}


def orphan(identifier: Any) -> dict[str, Any]:
    """Return a body with one update with this orphan."""
    return {"merge_updates": [{"identifier_to_merge": identifier, "identifier_to_keep": KEEP}]}


def survivor(identifier: Any) -> dict[str, Any]:
    """Return a body with one update with this survivor."""
    return {"merge_updates": [{"identifier_to_merge": MERGE, "identifier_to_keep": identifier}]}


def by_email(prioritization: Any) -> dict[str, Any]:
    """Return a body with an orphan by email with this prioritization."""
    return orphan({"email": "ada@example.com", "prioritization": prioritization})


NOT_AN_ARRAY_OF_OBJECTS = [
    [],
    [UPDATE],
    None,
    "merge_updates",
    7,
    True,
    {},
    {"merge_update": [UPDATE]},
    {"merge_updates": None},
    {"merge_updates": UPDATE},
    {"merge_updates": "[]"},
    {"merge_updates": 1},
    {"merge_updates": [UPDATE, None]},
    {"merge_updates": [[UPDATE]]},
    {"merge_updates": ["orphan"]},
]
NOT_THE_TWO_KEYS = [
    {"merge_updates": [{}]},
    {"merge_updates": [{"identifier_to_merge": MERGE}]},
    {"merge_updates": [{"identifier_to_keep": KEEP}]},
    {"merge_updates": [UPDATE, {**UPDATE, "note": "please"}]},
    {"merge_updates": [{**UPDATE, "prioritization": ["identified"]}]},
    {"merge_updates": [{"Identifier_to_merge": MERGE, "identifier_to_keep": KEEP}]},
]
NOT_IDENTIFIERS: list[Any] = [
    None,
    "orphan",
    7,
    [],
    [MERGE],
    {},
    {"braze_id": "5fbd5f1ea3a5b9c2d4e6f708"},
    {"external_id": None},
    {"external_id": 12345},
    {"external_id": True},
    {"external_id": ["orphan"]},
    {"external_id": {"id": "orphan"}},
    {"user_alias": "v-1"},
    {"user_alias": None},
    {"user_alias": []},
    {"user_alias": {}},
    {"user_alias": {"alias_name": "v-1"}},
    {"user_alias": {"alias_label": "visitor"}},
    {"user_alias": {"alias_name": 1, "alias_label": "visitor"}},
    {"user_alias": {"alias_name": "v-1", "alias_label": None}},
    {"user_alias": {"alias_name": "v-1", "alias_label": "visitor", "more": 1}},
    {"email": 1, "prioritization": ["identified"]},
    {"email": None, "prioritization": ["identified"]},
    {"phone": 442079460958, "prioritization": ["identified"]},
    {"phone": ["+442079460958"], "prioritization": ["identified"]},
    {"prioritization": ["identified"]},
    {"external_id": "orphan", "email": "ada@example.com", "prioritization": ["identified"]},
    {"external_id": "orphan", "user_alias": {"alias_name": "v-1", "alias_label": "visitor"}},
    {"external_id": "orphan", "extra": 1},
]
TOO_LONG_IDENTIFIERS = [
    {"external_id": "x" * 988},
    {"external_id": "é" * 494},
    {"user_alias": {"alias_name": "x" * 237, "alias_label": "visitor"}},
    {"user_alias": {"alias_name": "v-1", "alias_label": "x" * 237}},
    {"email": "x" * 321, "prioritization": ["identified"]},
    {"phone": "1" * 321, "prioritization": ["identified"]},
]
PRIORITIZATIONS: list[tuple[Any, str]] = [
    (None, NO_PRIORITIZATION),
    ("identified", WRONG_PRIORITIZATION),
    (7, WRONG_PRIORITIZATION),
    ({"0": "identified"}, WRONG_PRIORITIZATION),
    (["identified", 7], WRONG_PRIORITIZATION),
    ([None], WRONG_PRIORITIZATION),
    ([["identified"]], WRONG_PRIORITIZATION),
    ([], EMPTY_PRIORITIZATION),
    (["newest"], UNKNOWN_PRIORITY),
    (["Identified"], UNKNOWN_PRIORITY),
    (["identified", ""], UNKNOWN_PRIORITY),
    (["identified", "unidentified"], BOTH_STANDINGS),
    (["unidentified", "most_recently_updated", "identified"], BOTH_STANDINGS),
    (["most_recently_updated", "least_recently_updated"], BOTH_RECENCIES),
    (["least_recently_updated", "identified", "most_recently_updated"], BOTH_RECENCIES),
    (["identified", "identified"], REPEATED_PRIORITY),
]
FIFTY_ONE = [UPDATE] * 51
#: Two faults in one request: each check runs over the whole request before the next.
ORDER = [
    ({"merge_updates": [*FIFTY_ONE, None]}, NOT_OBJECTS),
    ({"merge_updates": [*FIFTY_ONE, {}]}, TOO_MANY),
    ({"merge_updates": [orphan(7)["merge_updates"][0], {}]}, WRONG_KEYS),
    ({"merge_updates": [*by_email([])["merge_updates"], *orphan(7)["merge_updates"]]}, WRONG_IDENTIFIER),
    ({"merge_updates": [*orphan({"external_id": "x" * 988})["merge_updates"], {}]}, WRONG_KEYS),
    (
        {"merge_updates": [*by_email([])["merge_updates"], *orphan({"external_id": "x" * 988})["merge_updates"]]},
        TOO_LONG,
    ),
    ({"merge_updates": [*by_email([])["merge_updates"], *by_email(7)["merge_updates"]]}, WRONG_PRIORITIZATION),
    ({"merge_updates": [*by_email(["x"])["merge_updates"], *by_email(None)["merge_updates"]]}, NO_PRIORITIZATION),
    (by_email(["most_recently_updated", "least_recently_updated", "newest"]), UNKNOWN_PRIORITY),
]
REFUSED: list[tuple[Any, str]] = [
    *((body, NOT_OBJECTS) for body in NOT_AN_ARRAY_OF_OBJECTS),
    ({"merge_updates": FIFTY_ONE}, TOO_MANY),
    *((body, WRONG_KEYS) for body in NOT_THE_TWO_KEYS),
    *((orphan(identifier), WRONG_IDENTIFIER) for identifier in NOT_IDENTIFIERS),
    *((survivor(identifier), WRONG_IDENTIFIER) for identifier in NOT_IDENTIFIERS),
    *((orphan(identifier), TOO_LONG) for identifier in TOO_LONG_IDENTIFIERS),
    (orphan({"email": "ada@example.com"}), NO_PRIORITIZATION),
    (survivor({"phone": "+442079460958"}), NO_PRIORITIZATION),
    *((by_email(steps), sentence) for steps, sentence in PRIORITIZATIONS),
    *ORDER,
]


def test_every_fault_has_its_sentence_and_nothing_is_accepted(client: Client) -> None:
    wrong = []
    for body, sentence in REFUSED:
        headers = {"Content-Type": "application/json"}
        response = client.request("POST", "/users/merge", data=orjson.dumps(body), headers=headers)
        if (response.status_code, response.json()) != (400, {"message": sentence}):
            wrong.append((body, response.status_code, response.text))

    assert wrong == []
    assert client.get("/merge/batches").json() == {"batches": [], "next_cursor": None}


def test_the_same_fault_is_refused_on_every_side_of_fifty_updates(client: Client) -> None:
    updates = [UPDATE] * 49 + [{"identifier_to_merge": MERGE, "identifier_to_keep": {"external_id": 7}}]
    response = client.post("/users/merge", {"merge_updates": updates})

    assert response.status_code == 400
    assert response.json() == {"message": WRONG_IDENTIFIER}


@pytest.mark.parametrize(
    "body",
    [
        {"merge_updates": []},
        {"merge_updates": [UPDATE] * 50},
        {"merge_updates": [UPDATE], "api_key": "legacy", "partner": {"name": "x"}},
        orphan({"external_id": "x" * 987}),
        orphan({"external_id": "orphan", "prioritization": ["identified"]}),
        by_email(["unidentified", "most_recently_updated"]),
        by_email(["least_recently_updated", "identified"]),
        survivor({"phone": "+442079460958", "prioritization": ["identified"]}),
    ],
)
def test_a_valid_body_is_accepted(client: Client, body: dict[str, Any]) -> None:
    response = client.post("/users/merge", body)
    accepted = response.json()

    assert response.status_code == 202
    assert accepted["message"] == "success"
    assert accepted["status_url"] == response.headers["Location"] == f"/merge/batches/{accepted['batch_id']}"
    assert len(client.finished(accepted["batch_id"])["jobs"]) == len(body["merge_updates"])


@pytest.mark.parametrize("role", ["identifier_to_merge", "identifier_to_keep"])
@pytest.mark.parametrize("more", [{}, {"identified": False}, {"identified": False, "prioritization": ["unidentified"]}])
def test_no_request_names_a_profile_as_runs_do(client: Client, role: str, more: dict[str, Any]) -> None:
    update = {
        "identifier_to_merge": {"external_id": "a"},
        "identifier_to_keep": {"external_id": "b"},
        role: {"braze_id": "f" * 24, "email": "a@x.org", **more},
    }
    response = client.post("/users/merge", {"merge_updates": [update]})

    assert (response.status_code, response.json()) == (400, {"message": WRONG_IDENTIFIER})
