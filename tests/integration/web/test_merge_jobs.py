"""`GET /merge/jobs`: single jobs, their changes, and filtered lists of jobs."""

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from app.db.connections import Connection
from tests.support.flask_caller import Caller

UNKNOWN_ID = "01a202b7-0c65-769b-9741-1871039b8b20"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
UNKNOWN_PARAMETER = (
    "There is an unknown query parameter; this URL takes: cursor, from, identifier, key, kind, limit, order, outcome,"
    " run_id, source, state, to, undone"
)
EMAIL = {"email": "Jane@Example.com", "prioritization": ["identified", "most_recently_updated"]}
PHONE = {"phone": "+49 30 1234567", "prioritization": ["unidentified"]}
ALIAS = {"user_alias": {"alias_name": "jane", "alias_label": "shop"}}


def jobs(caller: Caller, **query: Any) -> list[dict[str, Any]]:
    """Return a page of jobs."""
    response = caller.get("/merge/jobs", **query)
    assert response.status_code == 200
    assert response.json is not None
    return list(response.json["jobs"])


def accepted(caller: Caller, *pairs: tuple[Any, Any]) -> list[dict[str, Any]]:
    """Send merges and return their jobs in the order of the request."""
    updates = [{"identifier_to_merge": orphan, "identifier_to_keep": survivor} for orphan, survivor in pairs]
    body = caller.post("/users/merge", {"merge_updates": updates}, headers={"Prefer": "wait=0"}).json
    assert body is not None
    return list(body["batch"]["jobs"])


def external(value: str) -> dict[str, str]:
    """Return an identifier."""
    return {"external_id": value}


def test_a_queued_job_has_all_fields(caller: Caller) -> None:
    (job,) = accepted(caller, (EMAIL, ALIAS))

    shown = caller.get(f"/merge/jobs/{job['job_id']}").json

    assert shown == job
    assert TIME.fullmatch(job.pop("created_at"))
    assert str(UUID(job.pop("request_id")))
    assert job == {
        "job_id": job["job_id"],
        "batch_id": job["batch_id"],
        "index": 0,
        "kind": "merge",
        "state": "queued",
        "priority": 3,
        "outcome": None,
        "reason": None,
        "identifier_to_merge": EMAIL,
        "identifier_to_keep": ALIAS,
        "orphan": None,
        "survivor": None,
        "attempts": 0,
        "task_id": None,
        "started_at": None,
        "finished_at": None,
        "undone_at": None,
        "undone_by": None,
        "undoable_until": None,
    }


def test_a_finished_job_has_its_outcome_and_profiles(caller: Caller, finish: Callable[..., None]) -> None:
    (job,) = accepted(caller, (external("a"), EMAIL))
    finish(
        job["job_id"],
        "merged",
        task_id=UNKNOWN_ID,
        orphan_id=1,
        orphan_braze_id="a" * 24,
        orphan_external_id="a",
        survivor_id=2,
        survivor_braze_id="b" * 24,
    )

    shown = caller.get(f"/merge/jobs/{job['job_id']}").json or {}

    assert (shown["state"], shown["outcome"], shown["reason"]) == ("finished", "merged", "Because the test says so.")
    assert shown["orphan"] == {"braze_id": "a" * 24, "external_id": "a"}
    assert shown["survivor"] == {"braze_id": "b" * 24, "external_id": None}
    assert (shown["attempts"], shown["task_id"]) == (1, UNKNOWN_ID)
    assert TIME.fullmatch(shown["started_at"])
    assert TIME.fullmatch(shown["finished_at"])


def test_the_changes_of_a_merge_are_returned_on_request(
    caller: Caller, finish: Callable[..., None], connection: Connection
) -> None:
    changes = [{"field": "first_name", "before": None, "after": "Jane", "rule": "fill"}]
    merged, refused = accepted(caller, (external("a"), external("b")), (external("c"), external("d")))
    finish(merged["job_id"], "merged", orphan_id=1, survivor_id=2)
    finish(refused["job_id"], "orphan_not_found")
    connection.execute(
        "INSERT INTO merge_record VALUES (%s, %s, now(), 1, 2, '{}', '{}', '{1}', %s)",
        [caller.workspace_id, merged["job_id"], Jsonb(changes)],
    )

    with_changes = caller.get(f"/merge/jobs/{merged['job_id']}", include="changes").json or {}
    nothing = caller.get(f"/merge/jobs/{refused['job_id']}", include="changes").json or {}
    without_changes = caller.get(f"/merge/jobs/{merged['job_id']}").json or {}

    assert with_changes["changes"] == changes
    assert nothing["changes"] == []
    assert "changes" not in without_changes
    assert {**without_changes, "changes": changes} == with_changes


def test_jobs_are_listed_newest_first_in_pages(caller: Caller) -> None:
    sent = accepted(caller, *((external(f"a{n}"), external("b")) for n in range(5)))
    sent += accepted(caller, *((external(f"c{n}"), external("d")) for n in range(2)))
    seen: list[dict[str, Any]] = []
    cursor, pages = None, 0
    while pages == 0 or cursor is not None:
        query = {"limit": 3} if cursor is None else {"limit": 3, "cursor": cursor}
        page = caller.get("/merge/jobs", **query).json or {}
        seen += page["jobs"]
        cursor, pages = page["next_cursor"], pages + 1

    assert seen == sent[::-1]
    assert pages == 3


def test_a_page_has_fifty_jobs_unless_the_request_gives_a_limit(caller: Caller) -> None:
    for _ in range(3):
        accepted(caller, *((external(f"a{n}"), external("b")) for n in range(40)))

    assert len(jobs(caller)) == 50
    assert len(jobs(caller, limit=100)) == 100


def test_jobs_are_found_by_state_and_outcome(caller: Caller, finish: Callable[..., None]) -> None:
    first, second, third = accepted(caller, *((external(f"a{n}"), external("b")) for n in range(3)))
    finish(first["job_id"], "orphan_not_found")
    finish(second["job_id"], "same_profile")

    def found(**query: str) -> list[str]:
        return [job["job_id"] for job in jobs(caller, **query)]

    assert found(state="queued") == [third["job_id"]]
    assert found(state="finished") == [second["job_id"], first["job_id"]]
    assert found(state="dead") == []
    assert found(outcome="same_profile") == [second["job_id"]]
    assert found(state="queued", outcome="same_profile") == []
    assert found(state="finished", outcome="orphan_not_found", identifier="a0") == [first["job_id"]]
    assert found(outcome="same_profile", identifier="a0") == []


@pytest.mark.parametrize(
    ("identifier", "indexes"),
    [
        ("a", [0]),
        ("A", []),
        ("jane", [1]),
        ("shop", []),
        ("Jane@Example.com", [1]),
        (" jane@EXAMPLE.com", [1]),
        ("+49 30 1234567", [2]),
        ("+49301234567", [2]),
        ("c", [0, 2]),
        ("C", []),
        ("nobody", []),
        ("' OR 1=1 --", []),
        ("{a,b}", []),
    ],
)
def test_jobs_are_found_by_a_value_of_either_identifier(caller: Caller, identifier: str, indexes: list[int]) -> None:
    accepted(caller, (external("a"), external("c")), (EMAIL, ALIAS), (PHONE, external("c")))

    assert sorted(job["index"] for job in jobs(caller, identifier=identifier)) == indexes


def test_filtered_jobs_are_listed_in_pages(caller: Caller) -> None:
    sent = accepted(caller, *((external(f"a{n}"), external("b")) for n in range(5)))
    first = caller.get("/merge/jobs", identifier="b", limit=3).json or {}
    second = caller.get("/merge/jobs", identifier="b", limit=3, cursor=first["next_cursor"]).json or {}

    assert first["jobs"] + second["jobs"] == sent[::-1]
    assert second["next_cursor"] is None


def test_a_job_of_another_workspace_is_not_found(caller: Caller, make_caller: Callable[..., Caller]) -> None:
    (job,) = accepted(caller, (external("a"), external("b")))
    other = make_caller()

    foreign = other.get(f"/merge/jobs/{job['job_id']}", include="changes")
    unknown = caller.get(f"/merge/jobs/{UNKNOWN_ID}")

    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json == unknown.json == {"message": "There is no job with this id."}
    assert jobs(other) == jobs(other, identifier="a") == []


def test_a_cursor_of_another_workspace_returns_none_of_its_jobs(
    caller: Caller, make_caller: Callable[..., Caller]
) -> None:
    accepted(caller, *((external(f"a{n}"), external("b")) for n in range(3)))
    cursor = (caller.get("/merge/jobs", limit=1).json or {})["next_cursor"]

    assert jobs(make_caller(), cursor=cursor) == []


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"limit": "0"}, "'limit' must be a whole number from 1 to 100"),
        ({"limit": "101"}, "'limit' must be a whole number from 1 to 100"),
        ({"limit": "-1"}, "'limit' must be a whole number from 1 to 100"),
        ({"limit": "many"}, "'limit' must be a whole number from 1 to 100"),
        ({"limit": ""}, "'limit' must be a whole number from 1 to 100"),
        ({"limit": "1.5"}, "'limit' must be a whole number from 1 to 100"),
        ({"limit": "9" * 5000}, "'limit' must be a whole number from 1 to 100"),
        ({"state": "done"}, "'state' must be one of queued, running, finished, dead"),
        ({"state": ""}, "'state' must be one of queued, running, finished, dead"),
        ({"cursor": ""}, "'cursor' must be the next_cursor of an earlier page"),
        ({"cursor": UNKNOWN_ID}, "'cursor' must be the next_cursor of an earlier page"),
        ({"cursor": "\u00fc\x00"}, "'cursor' must be the next_cursor of an earlier page"),
        ({"identifier": ""}, "'identifier' must have from 1 to 1000 characters and no NUL among them"),
        ({"identifier": "a\x00b"}, "'identifier' must have from 1 to 1000 characters and no NUL among them"),
        ({"identifier": "a" * 1001}, "'identifier' must have from 1 to 1000 characters and no NUL among them"),
        (
            {"stat": "dead"},
            UNKNOWN_PARAMETER,
        ),
    ],
)
def test_an_invalid_query_gets_an_error_message(caller: Caller, query: dict[str, str], message: str) -> None:
    response = caller.get("/merge/jobs", **query)

    assert response.status_code == 400
    assert response.json == {"message": message}


def test_an_unknown_outcome_or_include_gets_an_error_message(caller: Caller) -> None:
    outcome = caller.get("/merge/jobs", outcome="done")
    include = caller.get(f"/merge/jobs/{UNKNOWN_ID}", include="everything")

    assert outcome.status_code == include.status_code == 400
    assert (outcome.json or {})["message"].startswith("'outcome' must be one of refused_identifier, orphan_ambiguous, ")
    assert include.json == {"message": "'include' must be 'changes'"}
