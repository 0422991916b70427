"""After `/users/delete` the jobs stay, but no column of any table contains personal data."""

from typing import Any

import pytest

from app.config import Settings
from app.db.connections import Connection, Pool
from app.web import create_app
from app.web.resources import resources_of
from schemas.outcomes import Outcome
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ask_to_merge, ext, identified, job, merged, outcomes, run_jobs
from tests.support.marked_person import DIGITS, MARKER, alias, live, mark
from tests.support.postgres import make_database_url
from tests.support.profiles import NOON, merge, the_profile, track
from tests.support.traces import STATISTICS, find_traces

database_url = make_database_url(scope="module")

TABLES = (
    "profile",
    "user_alias",
    "origin",
    "redirect",
    "deprecated_external_id",
    "custom_event",
    "purchase",
    "session",
    "engagement",
)


def delete(caller: Caller, *external_ids: str) -> None:
    assert caller.post("/users/delete", {"external_ids": list(external_ids)}).status_code == 201


def traces(connection: Connection) -> dict[str, list[str]]:
    """Return the rows of all tables that contain the marker or the number, by table."""
    found = find_traces(connection, f"{MARKER}|{DIGITS}")
    return {name: rows for name, rows in found.items() if name not in STATISTICS}


def counts(connection: Connection, caller: Caller) -> dict[str, int]:
    """Return the number of rows of the caller's workspace in each table of profiles."""
    parts = [f"(SELECT count(*) FROM {table} WHERE workspace_id = %(id)s) AS {table}" for table in TABLES]
    (row,) = connection.execute(f"SELECT {', '.join(parts)}", {"id": caller.workspace_id}).fetchall()  # type: ignore[arg-type]
    return dict(row)


def test_no_personal_data_remains_in_any_table(caller: Caller, pool: Pool, connection: Connection) -> None:
    me, orphan, keep = ext(mark("me")), ext(mark("orphan")), ext("keep")
    newest = ["most_recently_updated"]
    before_there_was_anybody = [
        *merged(caller, pool, (me, keep), ({"user_alias": alias(mark("me"))}, keep)),
        *merged(caller, pool, (keep, orphan), (keep, {"user_alias": alias(mark("orphan"))})),
        *merged(caller, pool, ({"email": f"{mark('me').upper()}@X.ORG ", "prioritization": newest}, keep)),
        *merged(caller, pool, ({"email": f"{mark('orphan')}@x.org", "prioritization": newest}, keep)),
        *merged(caller, pool, ({"phone": "+1 (415) 555-0199", "prioritization": newest}, keep)),
    ]
    live(caller, "me")
    live(caller, "orphan")
    track(caller, attributes=[{"external_id": mark("was")}])
    renames = [(mark("was"), mark("is")), (mark("me"), mark("new"))]
    pairs = [{"current_external_id": current, "new_external_id": new} for current, new in renames]
    caller.post("/users/external_ids/rename", {"external_id_renames": pairs})
    caller.post("/users/alias/new", {"user_aliases": [alias(mark("guest"))]})
    about = [
        *merged(caller, pool, (ext(mark("was")), orphan), (orphan, me), (orphan, me), (me, ext(mark("new")))),
        *merged(caller, pool, (me, ext("nobody")), (ext("nobody"), me)),
        *identified(
            caller,
            pool,
            aliases_to_identify=[{"external_id": mark("new"), "user_alias": alias(mark("guest"))}],
            emails_to_identify=[
                {"external_id": "keep", "email": f"{mark('me')}@x.org", "prioritization": ["identified"]}
            ],
        ),
        *run_jobs(caller, pool, ask_to_merge(caller, (me, keep)), refused_identifiers=frozenset({mark("me").lower()})),
    ]
    braze_id = the_profile(caller, mark("me"))["braze_id"]
    there = traces(connection)
    caller.post("/users/delete", {"external_ids": [mark("me")], "user_aliases": [alias(mark("guest"))]})

    assert set(outcomes(before_there_was_anybody)) == {"orphan_not_found"}
    assert outcomes(about) == [
        "merged",
        "merged",
        "already_merged",
        "same_profile",
        "survivor_not_found",
        "orphan_not_found",
        "alias_conflict",
        "orphan_identified",
        "refused_identifier",
    ]
    assert there.keys() == {*TABLES, "job", "merge_record", "audit_entry"} - {"origin"}
    assert traces(connection) == {}
    assert set(counts(connection, caller).values()) == {0}
    for each in (*before_there_was_anybody, *about):
        shown = job(caller, each["job_id"], include="changes")
        assert (shown["state"], shown["outcome"]) == ("finished", each["outcome"])
        assert (shown["identifier_to_merge"], shown["identifier_to_keep"]) == ({}, {})
        assert shown["changes"] == []
    assert caller.get(f"/profiles/{braze_id}").status_code == 404


def test_a_job_of_a_deleted_profile_keeps_outcome_and_braze_ids_and_is_found_by_them(
    caller: Caller, pool: Pool
) -> None:
    track(caller, attributes=[{"external_id": name, "first_name": name} for name in ("orphan", "me")])
    (before,) = merged(caller, pool, (ext("orphan"), ext("me")))
    delete(caller, "me")
    after = job(caller, before["job_id"])
    batch = caller.get(f"/merge/batches/{before['batch_id']}").json
    found = [
        [each["job_id"] for each in caller.get("/merge/jobs", identifier=name).json["jobs"]]
        for name in (before["orphan"]["braze_id"], before["survivor"]["braze_id"], "orphan", "me")
    ]

    blanked = {
        "identifier_to_merge": {},
        "identifier_to_keep": {},
        "orphan": {**before["orphan"], "external_id": None},
        "survivor": {**before["survivor"], "external_id": None},
    }
    assert after == {**before, **blanked}
    assert batch["jobs"] == [after]
    assert found == [[before["job_id"]], [before["job_id"]], [], []]


def test_a_reason_with_personal_data_is_replaced_by_the_prose_of_its_outcome(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[{"external_id": "me"}])
    caller.post("/users/alias/new", {"user_aliases": [{"external_id": "me", **alias("1")}, alias("2")]})
    (clash,) = identified(caller, pool, aliases_to_identify=[{"external_id": "me", "user_alias": alias("2")}])
    accepted = ask_to_merge(caller, (ext("me"), ext("other")))
    (refused,) = run_jobs(caller, pool, accepted, refused_identifiers=frozenset({"me"}))
    delete(caller, "me")

    assert "'shop'" in clash["reason"]
    assert "'me'" in refused["reason"]
    assert job(caller, clash["job_id"])["reason"] == Outcome.ALIAS_CONFLICT.prose
    assert job(caller, refused["job_id"])["reason"] == Outcome.REFUSED_IDENTIFIER.prose


def test_a_job_with_another_profile_is_blanked_and_that_profile_stays(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[{"external_id": "me", "control_group": True}, {"external_id": "other"}])
    (before,) = merged(caller, pool, (ext("me"), ext("other")))
    other = the_profile(caller, "other")
    delete(caller, "me")
    after = job(caller, before["job_id"])

    assert before["outcome"] == "protected"
    assert after["identifier_to_keep"] == {}
    assert after["survivor"]["braze_id"] == other["braze_id"]
    assert the_profile(caller, "other") == other


def test_jobs_of_other_profiles_are_unchanged(caller: Caller, pool: Pool) -> None:
    shared = {"email": "a@x.org"}
    track(
        caller,
        attributes=[
            {"external_id": "me", **shared},
            {"external_id": "you", **shared},
            {"external_id": "she", "first_name": "S"},
        ],
    )
    caller.post("/users/alias/new", {"user_aliases": [alias("me")]})
    by_email = {**shared, "prioritization": ["identified"]}
    jobs = [
        *merged(caller, pool, (by_email, ext("she")), ({"user_alias": alias("me")}, ext("she"))),
        *merged(caller, pool, (ext("she"), {**shared, "prioritization": ["unidentified"]})),
        *merged(caller, pool, ({"user_alias": alias("me", "app")}, ext("you"))),
    ]
    delete(caller, "me")

    assert outcomes(jobs) == ["orphan_ambiguous", "merged", "survivor_not_found", "orphan_not_found"]
    assert [job(caller, each["job_id"]) for each in jobs] == jobs


def test_an_address_in_the_ledger_is_deleted_with_its_last_profile(caller: Caller, pool: Pool) -> None:
    shared = {"email": "a@x.org"}
    track(
        caller, attributes=[{"external_id": "me", **shared}, {"external_id": "you", **shared}, {"external_id": "she"}]
    )
    (before,) = merged(caller, pool, ({**shared, "prioritization": ["identified"]}, ext("she")))
    delete(caller, "me")
    between = job(caller, before["job_id"])
    delete(caller, "you")

    assert before["outcome"] == "orphan_ambiguous"
    assert between == before
    assert job(caller, before["job_id"])["identifier_to_merge"] == {}


def test_an_unfinished_job_keeps_its_identifiers_and_finds_no_profile(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[{"external_id": "me"}, {"external_id": "other"}])
    accepted = ask_to_merge(caller, (ext("me"), ext("other")))
    delete(caller, "me")
    (after,) = run_jobs(caller, pool, accepted)

    assert after["outcome"] == "orphan_not_found"
    assert after["identifier_to_merge"] == ext("me")


def test_a_dead_job_is_blanked_too(caller: Caller, connection: Connection) -> None:
    track(caller, attributes=[{"external_id": "me"}])
    accepted = ask_to_merge(caller, (ext("me"), ext("other")))
    connection.execute(
        "UPDATE job SET state = 'dead', reason = 'Attempt 5 failed.', finished_at = now() WHERE batch_id = %s",
        [accepted["batch_id"]],
    )
    delete(caller, "me")
    (after,) = caller.get(accepted["status_url"]).json["jobs"]

    assert (after["state"], after["reason"]) == ("dead", "Attempt 5 failed.")
    assert after["identifier_to_merge"] == {}


def test_a_deletion_changes_no_job_of_another_workspace(caller: Caller, make_caller: Any, pool: Pool) -> None:
    other = make_caller()
    for each in (caller, other):
        track(each, attributes=[{"external_id": "orphan"}, {"external_id": "me"}])
    jobs = [merged(each, pool, (ext("orphan"), ext("me")))[0] for each in (caller, other)]
    delete(caller, "me")

    assert job(other, jobs[1]["job_id"]) == jobs[1]


@pytest.fixture
def impatient(caller: Caller, database_url: str, connection: Connection) -> Any:
    """A caller of a web application with a statement timeout of 300 ms. The deletion of history takes longer."""
    connection.execute(
        """
        CREATE FUNCTION take_long() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN PERFORM pg_sleep(0.6); RETURN NULL; END'
        """
    )
    connection.execute(
        "CREATE TRIGGER slow BEFORE DELETE ON custom_event FOR EACH STATEMENT EXECUTE FUNCTION take_long()"
    )
    flask = create_app(Settings(database_url=database_url, statement_timeout_ms=300))
    try:
        yield Caller(
            flask,
            secret=caller.secret,
            key_id=caller.key_id,
            workspace_id=caller.workspace_id,
            workspace=caller.workspace,
        )
    finally:
        connection.execute("DROP FUNCTION take_long CASCADE")
        resources_of(flask).close()


def test_a_long_history_may_take_longer_than_other_statements(
    caller: Caller, impatient: Caller, connection: Connection
) -> None:
    track(caller, events=[{"external_id": "me", "name": "login", "time": NOON}])
    delete(impatient, "me")

    assert counts(connection, caller)["custom_event"] == 0


def test_deleting_a_survivor_keeps_the_history_of_a_new_profile_with_the_orphans_external_id(
    caller: Caller, pool: Pool, connection: Connection
) -> None:
    event = {"name": "login", "time": NOON}
    track(caller, events=[{"external_id": name, **event} for name in ("a", "me", "other")])
    merge(caller, pool, orphan="a", survivor="me")
    track(caller, events=[{"external_id": "a", **event}])
    delete(caller, "me")

    assert counts(connection, caller)["custom_event"] == 2
    assert the_profile(caller, "a")["custom_events"][0]["count"] == 1
    assert the_profile(caller, "other")["custom_events"][0]["count"] == 1


def test_a_job_of_a_profile_without_external_id_is_blanked_too(caller: Caller, pool: Pool) -> None:
    caller.post("/users/alias/new", {"user_aliases": [alias("1"), alias("2", "app")]})
    (before,) = merged(caller, pool, ({"user_alias": alias("1")}, {"user_alias": alias("2", "app")}))
    caller.post("/users/delete", {"user_aliases": [alias("1")]})
    after = job(caller, before["job_id"])

    assert before["outcome"] == "merged"
    assert after["identifier_to_merge"] == after["identifier_to_keep"] == {}
