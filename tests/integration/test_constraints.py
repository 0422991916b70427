"""The constraints of the database: every invalid row is refused by its own constraint."""

from typing import Any

import pytest
from psycopg import errors as postgres
from psycopg import sql
from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

from tests.support.factories import LONG_AGO, Factory, ext
from tests.support.postgres import make_database_url

database_url = make_database_url(scope="module")

TAKEN = "a" * 24
HASH = b"digest"
GONE = 2**40
"""The id of a profile that was merged away: no sequence comes this far."""
FINISHED = {"state": "finished", "outcome": "same_profile", "reason": "So.", "finished_at": LONG_AGO}
MERGED = {**FINISHED, "outcome": "merged"}


@pytest.fixture
def rows(factory: Factory) -> dict[str, dict[str, Any]]:
    """For each table a valid new row. The database already has two profiles, a batch, a job, a key and a redirect."""
    one = factory.profile("taken", braze_id=TAKEN, user_aliases={"mail": "taken"})
    two = factory.profile("other")
    job_id = factory.job(ext("taken"), ext("other"))
    job = factory.row(job_id)
    workspace = {"workspace_id": factory.workspace_id}
    insert(
        factory, "redirect", redirect := {**gone(one.id, two.id), **workspace, "orphan_id": GONE, "external_id": "old"}
    )
    insert(factory, "api_key", key := {**workspace, "id": uuid7(), "label": "l", "hint": "h", **opens(HASH, ["*"])})
    insert(factory, "idempotency", use := {**workspace, "path": "/p", "key": "k", **first_use(job["batch_id"])})
    return {
        "workspace": {"name": f"w-{uuid7()}"},
        "api_key": {**key, "id": uuid7(), "digest": uuid7().bytes},
        "profile": {**workspace, "braze_id": "b" * 24, **dict.fromkeys(("created_at", "updated_at"), LONG_AGO)}
        | {"random_bucket": 1},
        "user_alias": {**workspace, "label": "guest", "name": "free", "profile_id": one.id},
        "origin": {**workspace, "origin_id": GONE, "profile_id": one.id},
        "redirect": {**redirect, "orphan_id": GONE + 1, "braze_id": "c" * 24, "external_id": "older"},
        "session": {**workspace, "origin_id": GONE, "app_id": "a", "started_at": LONG_AGO},
        "engagement": {**workspace, "origin_id": GONE, "message_id": "m", "occurred_at": LONG_AGO}
        | {"kind": "campaign", "event": "opened"},
        "job": {**workspace, "id": uuid7(), "batch_id": job["batch_id"], "index": 1, "lane": 0, "kind": "merge"}
        | {"orphan_identifier": Jsonb({}), "survivor_identifier": Jsonb({}), "search_keys": []},
        "merge_record": {**workspace, "job_id": job_id, "merged_at": LONG_AGO, "orphan_id": one.id}
        | {"survivor_id": two.id, "origins": [one.id]}
        | {name: Jsonb({}) for name in ("orphan_before", "survivor_before", "changes")},
        "idempotency": {**use, "key": "k2"},
    }


def gone(orphan_id: int, survivor_id: int) -> dict[str, Any]:
    return {"orphan_id": orphan_id, "survivor_id": survivor_id, "braze_id": "d" * 24, "external_id": None} | {
        "job_id": uuid7(),
        "merged_at": LONG_AGO,
    }


def opens(digest: bytes, permissions: list[str]) -> dict[str, Any]:
    return {"digest": digest + uuid7().bytes, "permissions": permissions}


def first_use(batch_id: Any) -> dict[str, Any]:
    return {"body_digest": HASH, "batch_id": batch_id}


def insert(factory: Factory, table: str, row: dict[str, Any]) -> None:
    query = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join(map(sql.Placeholder, row)),
    )
    factory.connection.execute(query, row)


def test_every_valid_row_is_accepted(factory: Factory, rows: dict[str, dict[str, Any]]) -> None:
    for table, row in rows.items():
        insert(factory, table, row)


CHECKS: list[tuple[str, dict[str, Any]]] = [
    ("workspace", {"name": "Has Blanks"}),
    ("workspace", {"name": ""}),
    ("api_key", {"permissions": []}),
    ("profile", {"braze_id": "short"}),
    ("profile", {"braze_id": "A" * 24}),
    ("profile", {"external_id": ""}),
    ("profile", {"external_id": "ä" * 494}),
    ("profile", {"random_bucket": 10_000}),
    ("profile", {"random_bucket": -1}),
    ("profile", {"absorbed_count": -1}),
    ("profile", {"gender": "X"}),
    ("profile", {"country": "de"}),
    ("profile", {"email": "a@x.org"}),
    ("profile", {"email_key": "a@x.org"}),
    ("profile", {"phone_e164": "+14155550123"}),
    ("profile", {"session_count": -1}),
    ("profile", {"purchase_count": -1}),
    ("user_alias", {"label": ""}),
    ("user_alias", {"name": ""}),
    ("user_alias", {"label": "ä" * 119}),
    ("user_alias", {"name": "ä" * 119}),
    ("session", {"ended_at": LONG_AGO.replace(year=2025)}),
    ("engagement", {"kind": "email"}),
    ("job", {"index": -1, "lane": -1}),
    ("job", {"kind": "split"}),
    ("job", {"lane": 2}),
    ("job", {"lane": -1}),
    ("job", {"state": "lost"}),
    ("job", {"attempts": -1}),
    ("job", {**FINISHED, "outcome": "succeeded"}),
    ("job", {"outcome": "merged"}),
    ("job", {"state": "running", "outcome": "merged"}),
    ("job", {**FINISHED, "state": "dead"}),
    ("job", {**FINISHED, "outcome": None}),
    ("job", {**FINISHED, "reason": None}),
    ("job", {**FINISHED, "finished_at": None}),
    ("job", {"finished_at": LONG_AGO}),
    ("job", {"state": "dead", "finished_at": LONG_AGO}),
    ("job", MERGED),
    ("job", {**MERGED, "orphan_id": 1}),
    ("job", {**MERGED, "survivor_id": 1}),
    ("job", {**MERGED, "orphan_id": 1, "survivor_id": 1}),
    ("idempotency", {"key": ""}),
    ("idempotency", {"key": "k" * 256}),
]


@pytest.mark.parametrize(("table", "fault"), CHECKS)
def test_an_invalid_row_is_refused(
    factory: Factory, rows: dict[str, dict[str, Any]], table: str, fault: dict[str, Any]
) -> None:
    with pytest.raises(postgres.CheckViolation):
        insert(factory, table, {**rows[table], **fault})


@pytest.mark.parametrize(
    ("table", "ids"),
    [
        ("origin", ("origin_id", "profile_id")),
        ("redirect", ("orphan_id", "survivor_id")),
        ("merge_record", ("orphan_id", "survivor_id")),
    ],
)
def test_no_row_refers_to_itself(
    factory: Factory, rows: dict[str, dict[str, Any]], table: str, ids: tuple[str, str]
) -> None:
    with pytest.raises(postgres.CheckViolation):
        insert(factory, table, {**rows[table], ids[0]: rows[table][ids[1]]})


@pytest.mark.parametrize(
    ("table", "taken"),
    [
        ("profile", {"braze_id": TAKEN}),
        ("profile", {"external_id": "taken"}),
        ("user_alias", {"label": "mail", "name": "taken"}),
        ("user_alias", {"label": "mail", "name": "second"}),
        ("redirect", {"orphan_id": GONE}),
        ("redirect", {"braze_id": "d" * 24}),
        ("redirect", {"external_id": "old"}),
        ("job", {"index": 0, "lane": 0}),
        ("idempotency", {"key": "k"}),
    ],
)
def test_a_unique_value_that_is_taken_is_refused(
    factory: Factory, rows: dict[str, dict[str, Any]], table: str, taken: dict[str, Any]
) -> None:
    with pytest.raises(postgres.UniqueViolation):
        insert(factory, table, {**rows[table], **taken})


@pytest.mark.parametrize("table", ["workspace", "api_key", "origin", "merge_record"])
def test_the_same_row_is_refused_the_second_time(factory: Factory, rows: dict[str, dict[str, Any]], table: str) -> None:
    insert(factory, table, rows[table])

    with pytest.raises(postgres.UniqueViolation):
        insert(factory, table, rows[table])


@pytest.mark.parametrize(
    ("table", "dangling"),
    [
        *((table, {"workspace_id": 2**31 - 1}) for table in ("api_key", "profile", "redirect", "idempotency")),
        ("user_alias", {"profile_id": GONE + 2}),
        ("origin", {"profile_id": GONE + 2}),
        ("job", {"batch_id": uuid7()}),
        ("merge_record", {"job_id": uuid7()}),
    ],
)
def test_no_row_refers_to_a_missing_row(
    factory: Factory, rows: dict[str, dict[str, Any]], table: str, dangling: dict[str, Any]
) -> None:
    with pytest.raises(postgres.ForeignKeyViolation):
        insert(factory, table, {**rows[table], **dangling})


@pytest.mark.parametrize("table", ["user_alias", "origin", "job", "merge_record"])
def test_no_row_refers_to_another_workspace(factory: Factory, rows: dict[str, dict[str, Any]], table: str) -> None:
    elsewhere = Factory(factory.connection).workspace_id

    with pytest.raises(postgres.ForeignKeyViolation):
        insert(factory, table, {**rows[table], "workspace_id": elsewhere})


def test_a_profile_with_history_is_not_deleted(factory: Factory, rows: dict[str, dict[str, Any]]) -> None:
    insert(factory, "origin", rows["origin"])

    with pytest.raises(postgres.ForeignKeyViolation):
        factory.rows("DELETE FROM profile WHERE workspace_id = %s RETURNING 1")


def test_a_batch_is_deleted_with_its_jobs_and_their_audit(factory: Factory, rows: dict[str, dict[str, Any]]) -> None:
    insert(factory, "merge_record", rows["merge_record"])

    factory.connection.execute("SET mergelane.audit_change = 'pruning'")
    factory.rows("DELETE FROM batch WHERE workspace_id = %s RETURNING 1")

    left = [factory.rows(f"SELECT 1 FROM {table} WHERE workspace_id = %s") for table in ("job", "merge_record")]
    assert left == [[], []]


def test_two_workspaces_may_use_the_same_names(factory: Factory, rows: dict[str, dict[str, Any]]) -> None:
    elsewhere = Factory(factory.connection)

    same = elsewhere.profile("taken", braze_id=TAKEN, user_aliases={"mail": "taken"})

    assert elsewhere.load(same) == same
