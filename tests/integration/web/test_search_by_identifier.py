"""Search for jobs and audit entries by earlier addresses of the orphan, and by values with unencoded plus signs."""

from collections.abc import Callable
from urllib.parse import quote

import pytest
from flask import Flask

from app.db.connections import Connection, Pool
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ext, identified, merged, outcomes, run_jobs
from tests.support.postgres import make_database_url
from tests.support.profiles import Json, export, the_profile, track

database_url = make_database_url(scope="module")

OLD = {"email": "Old@x.com", "phone": "+1 (415) 555-0100"}
GUEST = {"alias_label": "web", "alias_name": "guest-7"}


@pytest.fixture
def merge_job(caller: Caller, pool: Pool) -> Json:
    """The merge of `a`, which has an email address, a phone number and an alias, into `b`, which has another email."""
    track(caller, attributes=[{"external_id": "a", **OLD}, {"external_id": "b", "email": "b@x.com"}])
    caller.post("/users/alias/new", {"user_aliases": [{"external_id": "a", **GUEST}]})
    (job,) = merged(caller, pool, (ext("a"), ext("b")))
    return job


def jobs(caller: Caller, identifier: str) -> list[str]:
    return [each["job_id"] for each in caller.get("/merge/jobs", identifier=identifier).json["jobs"]]


def audited(caller: Caller, identifier: str) -> list[str]:
    return [each["job_id"] for each in caller.get("/audit", identifier=identifier).json["entries"]]


@pytest.mark.parametrize(
    ("identifier", "found"),
    [
        ("a", True),
        ("b", True),
        ("Old@x.com", True),
        ("old@x.com", True),
        (" OLD@X.com", True),
        ("+14155550100", True),
        ("+1 415 555-0100", True),
        ("guest-7", True),
        ("Guest-7", False),
        ("web", False),
        ("A", False),
        ("old@x.co", False),
        ("@old@x.com", False),
    ],
)
def test_a_merge_is_found_by_the_former_identifiers_of_its_orphan(
    caller: Caller, merge_job: Json, identifier: str, found: bool
) -> None:
    expected = [merge_job["job_id"]] if found else []

    assert jobs(caller, identifier) == audited(caller, identifier) == expected


def test_an_event_with_the_former_address_of_an_orphan_creates_a_profile(
    caller: Caller, pool: Pool, merge_job: Json
) -> None:
    event = {"name": "login", "time": "2026-05-01T12:00:00Z"}
    track(caller, events=[{"email": "old@x.com", **event}])
    (reborn,) = export(caller, email_address="old@x.com")

    # The survivor had no phone number, so it got that of the orphan.
    assert the_profile(caller, "b")["phone"] == OLD["phone"]
    assert reborn["braze_id"] not in {merge_job["orphan"]["braze_id"], merge_job["survivor"]["braze_id"]}
    assert reborn["custom_events"][0]["count"] == 1
    assert jobs(caller, "old@x.com") == [merge_job["job_id"]]


def test_merges_of_a_chain_are_found_by_the_addresses_of_their_orphans(caller: Caller, pool: Pool) -> None:
    people = [{"external_id": name, "email": f"{name}@x.com"} for name in ("a", "b", "c")]
    track(caller, attributes=people)
    first, second = merged(caller, pool, (ext("a"), ext("b")), (ext("b"), ext("c")))

    assert jobs(caller, "a@x.com") == [first["job_id"]]
    assert jobs(caller, "b@x.com") == [second["job_id"]]
    # Only the orphan loses its addresses.
    assert jobs(caller, "c@x.com") == []


def test_a_job_without_a_merge_is_not_found_by_addresses(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[{"external_id": "a", **OLD}])
    (job,) = merged(caller, pool, (ext("a"), ext("nobody")))

    assert job["outcome"] == "survivor_not_found"
    assert jobs(caller, "old@x.com") == []
    assert jobs(caller, "a") == [job["job_id"]]


def test_identifications_and_undos_are_found_by_addresses(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[{"user_alias": GUEST, "_update_existing_only": False, **OLD}])
    (job,) = identified(caller, pool, aliases_to_identify=[{"external_id": "a", "user_alias": GUEST}])
    (undo,) = run_jobs(caller, pool, caller.post(f"/merge/jobs/{job['job_id']}/undo").json)

    assert outcomes([job, undo]) == ["identified", "undone"]
    assert jobs(caller, "old@x.com") == audited(caller, "old@x.com") == [undo["job_id"], job["job_id"]]


def test_an_address_that_the_request_names_is_stored_once(caller: Caller, pool: Pool, connection: Connection) -> None:
    track(caller, attributes=[{"external_id": "a", "email": "a@x.com"}, {"external_id": "b"}])
    (job,) = merged(caller, pool, ({"email": "A@x.com", "prioritization": ["identified"]}, ext("b")))
    row = connection.execute("SELECT search_keys FROM job WHERE id = %s", [job["job_id"]]).fetchone()

    assert row is not None
    assert [key for key in row["search_keys"] if "a@x.com" in key] == ["a@x.com"]
    assert jobs(caller, "a@X.com") == [job["job_id"]]


def test_another_workspace_finds_no_job(make_caller: Callable[..., Caller], merge_job: Json) -> None:
    assert jobs(make_caller(), "old@x.com") == []


@pytest.mark.parametrize("deleted", ["a", "b"])
def test_a_deleted_profile_is_not_found_by_earlier_addresses(
    caller: Caller, merge_job: Json, connection: Connection, deleted: str
) -> None:
    caller.post("/users/delete", {"external_ids": [deleted]})
    row = connection.execute("SELECT search_keys FROM job WHERE id = %s", [merge_job["job_id"]]).fetchone()

    assert jobs(caller, "old@x.com") == jobs(caller, "+14155550100") == jobs(caller, "guest-7") == []
    assert row is not None
    assert set(row["search_keys"]) == {merge_job["orphan"]["braze_id"], merge_job["survivor"]["braze_id"]}


def test_a_temporary_address_of_a_survivor_is_erased_with_its_profile(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[{"external_id": "x", **OLD}, {"external_id": "s"}, {"external_id": "t"}])
    first, second = (merged(caller, pool, (ext(orphan), ext(to)))[0] for orphan, to in (("x", "s"), ("s", "t")))
    for job in (second, first):
        run_jobs(caller, pool, caller.post(f"/merge/jobs/{job['job_id']}/undo").json)
    before = jobs(caller, "old@x.com")
    caller.post("/users/delete", {"external_ids": ["x"]})

    assert second["job_id"] in before
    assert jobs(caller, "old@x.com") == []
    assert second["job_id"] in jobs(caller, "s")


PLUS = {
    "ada": {"email": "ada+news@example.com"},
    "bob": {"phone": "+14155550100"},
    "eve": {"user_alias": {"alias_label": "l", "alias_name": "a+b c"}},
}


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("ada+news@example.com", "ada"),
        ("Ada+News@example.com", "ada"),
        ("ada%2Bnews@example.com", "ada"),
        ("ada%20news@example.com", "ada"),
        ("+14155550100", "bob"),
        ("%2B14155550100", "bob"),
        ("+1+415+555+0100", "bob"),
        ("+1-415-555-0100", "bob"),
        ("a+b+c", "eve"),
        ("a%2Bb%20c", "eve"),
        ("a+b%2Bc", None),
        ("adanews@example.com", None),
    ],
)
def test_a_value_with_an_unencoded_plus_sign_is_found(
    flask_app: Flask, caller: Caller, pool: Pool, sent: str, name: str | None
) -> None:
    shared = {"prioritization": ["identified"]}
    track(caller, attributes=[{"external_id": each, **values} for each, values in PLUS.items() if each != "eve"])
    track(caller, attributes=[{"external_id": "eve"}, {"external_id": "keep"}])
    caller.post("/users/alias/new", {"user_aliases": [{"external_id": "eve", **PLUS["eve"]["user_alias"]}]})
    orphans = [{**values, **(shared if each != "eve" else {})} for each, values in PLUS.items()]
    made = merged(caller, pool, *((orphan, ext("keep")) for orphan in orphans))
    expected = [] if name is None else [made[list(PLUS).index(name)]["job_id"]]
    client = flask_app.test_client()

    assert outcomes(made) == ["merged"] * 3
    for path, array in (("/merge/jobs", "jobs"), ("/audit", "entries")):
        response = client.get(f"{path}?identifier={sent}", headers={"Authorization": f"Bearer {caller.secret}"})
        assert [each["job_id"] for each in response.json[array]] == expected, path  # type: ignore[index]
    exported = client.get(f"/audit/export?identifier={sent}", headers={"Authorization": f"Bearer {caller.secret}"})
    assert exported.data.count(b"\n") == len(expected)


@pytest.mark.parametrize("path", ["/audit", "/audit/export", "/profiles/{me}/history"])
@pytest.mark.parametrize(
    "moment",
    [
        "2026-05-01T00:00:00+01:00",
        "2026-05-01T00:00:00.000+0100",
        "2026-05-01T00:00+01",
        "2026-05-01+00:00:00+01:00",
        "2026-05-01T00:00:00%2B01:00",
        "2026-05-01T00:00:00-05:00",
        "2026-05-01T00:00:00Z",
    ],
)
def test_the_offset_of_a_time_may_have_an_unencoded_plus_sign(
    flask_app: Flask, caller: Caller, path: str, moment: str
) -> None:
    track(caller, attributes=[{"external_id": "me"}])
    url = path.format(me=the_profile(caller)["braze_id"])
    response = flask_app.test_client().get(f"{url}?from={moment}", headers={"Authorization": f"Bearer {caller.secret}"})

    assert response.status_code == 200, response.data


@pytest.mark.parametrize(
    "moment", ["2026-05-01T00:00:00", "2026-05-01 00:00", "2026-05-01T00:00:00 1", "2026-05-01 01:00"]
)
def test_a_time_without_an_offset_is_refused(flask_app: Flask, caller: Caller, moment: str) -> None:
    response = flask_app.test_client().get(
        f"/audit?from={quote(moment)}", headers={"Authorization": f"Bearer {caller.secret}"}
    )

    assert response.status_code == 400
    assert "with its offset" in response.json["message"]  # type: ignore[index]
