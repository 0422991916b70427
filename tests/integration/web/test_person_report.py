"""`GET /profiles/{braze_id}/report` returns all stored data of one person and no data of others."""

import json
import re
from typing import Any

import pytest

from app.db.connections import Connection, Pool
from app.users import report
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ext, merged, run_jobs
from tests.support.marked_person import MARKER, alias, live, mark
from tests.support.postgres import make_database_url
from tests.support.profiles import NOON, Json, the_profile, track
from tests.support.traces import STATISTICS, find_traces

database_url = make_database_url(scope="function")


def report_of(caller: Caller, braze_id: str) -> Json:
    response = caller.get(f"/profiles/{braze_id}/report")

    assert response.status_code == 200, response.text
    assert response.headers["Content-Disposition"] == f'attachment; filename="{braze_id}.json"'
    shown: Json = json.loads(response.data)
    return shown


def test_a_report_has_every_value_that_is_stored_in_any_table(
    caller: Caller, pool: Pool, connection: Connection
) -> None:
    me, orphan, newest = ext(mark("me")), ext(mark("orphan")), ["most_recently_updated"]
    live(caller, "me")
    live(caller, "orphan")
    track(caller, attributes=[{**me, "email": f"{mark('other')}@x.org"}, ext("keep")])
    pair = {"current_external_id": mark("me"), "new_external_id": mark("new")}
    caller.post("/users/external_ids/rename", {"external_id_renames": [pair]})
    by_former = {"email": f"{mark('me')}@x.org", "prioritization": newest}
    merged(caller, pool, (by_former, ext("keep")), (orphan, me), ({"user_alias": alias(mark("no"))}, me))
    braze_id = the_profile(caller, mark("new"))["braze_id"]
    stored = {name: rows for name, rows in find_traces(connection, MARKER).items() if name not in STATISTICS}
    values = {value for rows in stored.values() for row in rows for value in re.findall(rf"[\w@.]+-{MARKER}", row)}
    shown = report_of(caller, braze_id)
    text = json.dumps(shown)

    assert {
        "profile",
        "job",
        "merge_record",
        "audit_entry",
        "former_name",
        "custom_event",
        "engagement",
    } <= stored.keys()
    assert [value for value in values if value.lower() not in text.lower()] == []
    assert [each["outcome"] for each in shown["jobs"]] == ["orphan_not_found", "merged", "orphan_not_found"]
    assert [each["action"] for each in shown["audit"]] == ["rename", "merge"]
    assert len(shown["history"]) == 10


def test_a_report_that_is_read_in_chunks_is_one_document(
    caller: Caller, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "CHUNK", 2)
    monkeypatch.setattr(report, "HISTORY_CHUNK", 2)
    track(caller, events=[{**ext("me"), "name": "login", "time": NOON} for _ in range(5)])
    merged(caller, pool, *((ext(f"nobody-{each}"), ext("me")) for each in range(5)))
    shown = report_of(caller, the_profile(caller, "me")["braze_id"])

    assert len(shown["history"]) == 5
    assert len({each["job_id"] for each in shown["jobs"]}) == 5


def test_a_report_has_one_side_of_an_undone_merge(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[{**ext("me"), "first_name": "Mine"}, {**ext("you"), "home_city": "Yours"}])
    (merge,) = merged(caller, pool, (ext("me"), ext("you")))
    run_jobs(caller, pool, caller.post(f"/merge/jobs/{merge['job_id']}/undo").json)
    mine, yours = (json.dumps(report_of(caller, the_profile(caller, name)["braze_id"])) for name in ("me", "you"))

    assert "Mine" in mine
    assert "Yours" not in mine
    assert "Yours" in yours


def test_an_orphan_and_an_unknown_profile_have_no_report(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[ext("me"), ext("orphan")])
    (merge,) = merged(caller, pool, (ext("orphan"), ext("me")))
    answers = [caller.get(f"/profiles/{each}/report") for each in (merge["orphan"]["braze_id"], "0" * 24, "x")]

    assert [each.status_code for each in answers] == [410, 404, 404]
    assert merge["survivor"]["braze_id"] in answers[0].headers["Link"]


def test_a_report_needs_the_permission_profiles_report(make_caller: Any) -> None:
    both = make_caller(permissions=["users.export.ids", "audit.read"])
    own = make_caller(permissions=["profiles.report"])

    assert [each.get(f"/profiles/{'0' * 24}/report").status_code for each in (both, own)] == [403, 404]
