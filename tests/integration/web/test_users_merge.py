"""`POST /users/merge`: the response, and the rows that are durable before it is sent."""

from collections.abc import Callable
from typing import Any

import pytest

from app.db.connections import Connection
from tests.support.flask_caller import Caller


def updates(*pairs: tuple[Any, Any]) -> dict[str, Any]:
    """Return the body for merges of pairs (orphan, survivor). A string is an external_id."""
    sides = [[{"external_id": side} if isinstance(side, str) else side for side in pair] for pair in pairs]
    return {
        "merge_updates": [{"identifier_to_merge": orphan, "identifier_to_keep": survivor} for orphan, survivor in sides]
    }


def test_an_accepted_batch_has_a_url_to_poll(caller: Caller) -> None:
    response = caller.post("/users/merge", updates(("a", "b")))

    assert response.status_code == 202
    assert response.json is not None
    batch_id = response.json["batch_id"]
    assert response.json == {"message": "success", "batch_id": batch_id, "status_url": f"/merge/batches/{batch_id}"}
    assert response.headers["Location"] == f"/merge/batches/{batch_id}"
    assert int(response.headers["Retry-After"]) > 0


def test_the_batch_and_its_jobs_are_durable_before_the_response(caller: Caller, connection: Connection) -> None:
    email = {"email": " Jane@Example.COM", "prioritization": ["unidentified", "most_recently_updated"]}
    alias = {"user_alias": {"alias_name": "jane", "alias_label": "shop"}}
    phone = {"phone": "+49 30 1234567", "prioritization": ["identified"]}
    caller.post("/users/merge", updates(("a", "b"), (email, alias), ("c", "a"), (phone, "A")))

    mine = {"workspace_id": caller.workspace_id}
    batches = connection.execute("SELECT api_key_id, path FROM batch WHERE workspace_id = %(workspace_id)s", mine)
    jobs = connection.execute(
        """
        SELECT index, lane, kind, state, attempts, orphan_identifier, survivor_identifier, search_keys, published_at
        FROM job WHERE workspace_id = %(workspace_id)s ORDER BY id
        """,
        mine,
    ).fetchall()

    assert batches.fetchall() == [{"api_key_id": caller.key_id, "path": "/users/merge"}]
    assert [job["index"] for job in jobs] == [0, 1, 2, 3]
    assert [job["lane"] for job in jobs] == [0, 1, 0, 3]
    assert {(job["kind"], job["state"], job["attempts"], job["published_at"]) for job in jobs} == {
        ("merge", "queued", 0, None)
    }
    assert [(job["orphan_identifier"], job["survivor_identifier"]) for job in jobs] == [
        ({"external_id": "a"}, {"external_id": "b"}),
        (email, alias),
        ({"external_id": "c"}, {"external_id": "a"}),
        (phone, {"external_id": "A"}),
    ]
    assert [job["search_keys"] for job in jobs] == [
        ["a", "b"],
        ["jane@example.com", "jane", " Jane@Example.COM"],
        ["c", "a"],
        ["+49301234567", "A", "+49 30 1234567"],
    ]


def test_emails_and_phones_share_a_lane_by_their_normalized_form(caller: Caller, connection: Connection) -> None:
    def mail(address: str) -> dict[str, Any]:
        return {"email": address, "prioritization": ["identified"]}

    def call(number: str) -> dict[str, Any]:
        return {"phone": number, "prioritization": ["identified"]}

    caller.post(
        "/users/merge",
        updates(
            (mail("Jane@x.com"), "a"),
            ("b", mail("jane@X.com ")),
            (call("+49 30 1234567"), "c"),
            ("d", call("+49301234567")),
        ),
    )

    mine = [caller.workspace_id]
    lanes = connection.execute("SELECT lane FROM job WHERE workspace_id = %s ORDER BY index", mine).fetchall()
    assert [row["lane"] for row in lanes] == [0, 0, 2, 2]


def test_fifty_updates_create_fifty_jobs_in_the_same_order(caller: Caller) -> None:
    response = caller.post("/users/merge", updates(*((f"a{number}", f"b{number}") for number in range(50))))
    assert response.json is not None

    batch = caller.get(response.json["status_url"]).json

    assert batch is not None
    assert [job["index"] for job in batch["jobs"]] == list(range(50))
    assert [job["identifier_to_merge"]["external_id"] for job in batch["jobs"]] == [f"a{n}" for n in range(50)]
    assert batch["counts"] == {"queued": 50}


def test_a_request_without_updates_creates_an_empty_finished_batch(caller: Caller) -> None:
    response = caller.post("/users/merge", {"merge_updates": []})
    assert response.status_code == 202
    assert response.json is not None

    batch = caller.get(response.json["status_url"]).json

    assert batch is not None
    assert batch["state"] == "finished"
    assert batch["finished_at"] == batch["created_at"]
    assert batch["counts"] == {}
    assert batch["jobs"] == []


@pytest.mark.parametrize("value", ["", "null", "\u00e9\U0001f600", "a b/c?d=e&f", "' OR 1=1 --", "x" * 987])
def test_any_text_may_be_an_external_id(caller: Caller, value: str) -> None:
    response = caller.post("/users/merge", updates((value, "b")), headers={"Prefer": "wait=0"})

    assert response.status_code == 202
    assert response.json is not None
    assert response.json["batch"]["jobs"][0]["identifier_to_merge"] == {"external_id": value}


def test_identifiers_of_the_maximum_length_can_be_searched(caller: Caller) -> None:
    longest = {"user_alias": {"alias_name": "\u4e2d" * 78, "alias_label": "l" * 236}}
    address = {"email": "\u0390" * 160, "prioritization": ["identified"]}

    assert caller.post("/users/merge", updates((longest, address))).status_code == 202
    assert len((caller.get("/merge/jobs", identifier="\u0390" * 160).json or {})["jobs"]) == 1


def test_two_workspaces_have_their_own_batches(make_caller: Callable[..., Caller]) -> None:
    one, other = make_caller(), make_caller()
    one.post("/users/merge", updates(("a", "b")))

    assert len((one.get("/merge/batches").json or {})["batches"]) == 1
    assert (other.get("/merge/batches").json or {})["batches"] == []
