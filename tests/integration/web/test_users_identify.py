"""`POST /users/identify`: the response, the jobs, and the resulting profiles."""

from typing import Any

import pytest

from tests.support.flask_caller import Caller
from tests.support.worker import Worker

TIME = "2026-11-01T10:00:00Z"


def track(caller: Caller, **arrays: Any) -> None:
    """Write profiles."""
    response = caller.post("/users/track", arrays)
    assert response.status_code == 201, response.json
    assert "errors" not in response.json


def guest(caller: Caller, name: str, label: str = "cart", **attributes: Any) -> dict[str, str]:
    """Write a profile that has only an alias, and return the alias."""
    alias = {"alias_name": name, "alias_label": label}
    track(caller, attributes=[{"user_alias": alias, "_update_existing_only": False, **attributes}])
    return alias


def identify(caller: Caller, worker: Worker, **arrays: Any) -> list[dict[str, Any]]:
    """Identify profiles and return the finished jobs."""
    response = caller.post("/users/identify", arrays)
    assert response.status_code == 201, response.json
    worker.work()
    return caller.get(response.json["status_url"]).json["jobs"]


def export(caller: Caller, external_id: str) -> dict[str, Any] | None:
    """Return the export of the profile with *external_id*."""
    users = caller.post("/users/export/ids", {"external_ids": [external_id]}).json["users"]
    return users[0] if users else None


def test_a_profile_gets_an_external_id_that_no_profile_has(caller: Caller, worker: Worker) -> None:
    alias = guest(caller, "guest-1", first_name="Ada")

    (job,) = identify(caller, worker, aliases_to_identify=[{"external_id": "ada", "user_alias": alias}])
    profile = export(caller, "ada")

    assert (job["kind"], job["outcome"], job["input_array"]) == ("identify", "identified", "aliases_to_identify")
    assert job["survivor"] == {"braze_id": profile["braze_id"], "external_id": "ada"}
    assert job["orphan"] == {"braze_id": profile["braze_id"], "external_id": None}
    assert (profile["first_name"], profile["user_aliases"]) == ("Ada", [alias])


def test_a_profile_is_merged_into_the_profile_that_has_the_external_id(caller: Caller, worker: Worker) -> None:
    alias = guest(caller, "guest-1", first_name="Ada", last_name="King", plan="gold")
    track(
        caller,
        attributes=[{"external_id": "ada", "first_name": "Augusta"}],
        purchases=[{"user_alias": alias, "product_id": "hat", "currency": "USD", "price": 80.0, "time": TIME}],
    )

    (job,) = identify(caller, worker, aliases_to_identify=[{"external_id": "ada", "user_alias": alias}])
    profile = export(caller, "ada")

    assert job["outcome"] == "merged"
    assert (profile["first_name"], profile["last_name"]) == ("Augusta", "King")
    assert profile["custom_attributes"] == {"plan": "gold"}
    assert (profile["total_revenue"], profile["purchase_count"], profile["user_aliases"]) == (80.0, 1, [alias])


def test_two_aliases_with_the_same_label_prevent_a_merge(caller: Caller, worker: Worker) -> None:
    alias = guest(caller, "guest-1", first_name="Ada")
    taken = guest(caller, "guest-2")
    identify(caller, worker, aliases_to_identify=[{"external_id": "ada", "user_alias": taken}])

    (job,) = identify(caller, worker, aliases_to_identify=[{"external_id": "ada", "user_alias": alias}])

    assert job["outcome"] == "alias_conflict"
    assert "'cart'" in job["reason"]
    assert "first_name" not in export(caller, "ada")


def test_several_aliases_of_one_request_become_one_profile(caller: Caller, worker: Worker) -> None:
    aliases = [guest(caller, f"guest-{label}", label) for label in ("cart", "app", "shop")]

    jobs = identify(
        caller, worker, aliases_to_identify=[{"external_id": "ada", "user_alias": alias} for alias in aliases]
    )

    assert [job["outcome"] for job in jobs] == ["identified", "merged", "merged"]
    assert {alias["alias_label"] for alias in export(caller, "ada")["user_aliases"]} == {"cart", "app", "shop"}


def test_an_unknown_alias_is_accepted_and_its_job_has_the_outcome(caller: Caller, worker: Worker) -> None:
    alias = {"alias_name": "nobody", "alias_label": "cart"}

    (job,) = identify(caller, worker, aliases_to_identify=[{"external_id": "ada", "user_alias": alias}])

    assert job["outcome"] == "orphan_not_found"
    assert export(caller, "ada") is None


def test_an_email_is_identified_by_its_prioritization(caller: Caller, worker: Worker) -> None:
    for visit in range(2):
        guest(caller, f"guest-{visit}", email="ada@example.org", visit=visit)
    steps = ["unidentified", "most_recently_updated"]

    (job,) = identify(
        caller,
        worker,
        emails_to_identify=[{"external_id": "ada", "email": " ADA@example.org", "prioritization": steps}],
    )

    assert (job["outcome"], job["input_array"]) == ("identified", "emails_to_identify")
    assert export(caller, "ada")["custom_attributes"] == {"visit": 1}


def test_a_phone_number_is_identified_by_its_prioritization(caller: Caller, worker: Worker) -> None:
    track(caller, attributes=[{"phone": "+14155550100", "first_name": "Ada"}])

    (job,) = identify(
        caller,
        worker,
        phone_numbers_to_identify=[
            {"external_id": "ada", "phone": "+1 415 555 0100", "prioritization": ["unidentified"]}
        ],
    )

    assert (job["outcome"], job["input_array"]) == ("identified", "phone_numbers_to_identify")
    assert export(caller, "ada")["first_name"] == "Ada"


def test_the_same_email_in_one_request_identifies_further_profiles(caller: Caller, worker: Worker) -> None:
    for visit in range(2):
        guest(caller, f"guest-{visit}", label=f"label-{visit}", email="ada@example.org")
    update = {
        "external_id": "ada",
        "email": "ada@example.org",
        "prioritization": ["unidentified", "most_recently_updated"],
    }

    jobs = identify(caller, worker, emails_to_identify=[update, update, update])

    assert [job["outcome"] for job in jobs] == ["identified", "merged", "orphan_not_found"]


def test_an_email_that_selects_the_identified_profile_has_the_outcome_same_profile(
    caller: Caller, worker: Worker
) -> None:
    track(caller, attributes=[{"external_id": "ada", "email": "ada@example.org"}])
    update = {"external_id": "ada", "email": "ada@example.org", "prioritization": ["most_recently_updated"]}

    (job,) = identify(caller, worker, emails_to_identify=[update])

    assert job["outcome"] == "same_profile"


def test_an_identified_profile_does_not_get_another_external_id(caller: Caller, worker: Worker) -> None:
    track(caller, attributes=[{"external_id": "ada", "phone": "+14155550100"}, {"external_id": "bob"}])

    jobs = [
        identify(
            caller,
            worker,
            phone_numbers_to_identify=[
                {"external_id": to, "phone": "+1 415 555 0100", "prioritization": ["most_recently_updated"]}
            ],
        )[0]
        for to in ("bob", "new")
    ]

    assert [job["outcome"] for job in jobs] == ["orphan_identified", "orphan_identified"]
    assert export(caller, "new") is None


@pytest.mark.parametrize("exists", [True, False], ids=["account exists", "new account"])
def test_devices_and_their_push_tokens_are_kept(caller: Caller, worker: Worker, exists: bool) -> None:
    device = {"device_id": "device-0001", "model": "X"}
    token = {"app_id": "shop", "token": "t-1", "device_id": "device-0001"}
    alias = guest(caller, "guest-1", devices=[device], push_tokens=[token], email_subscribe="opted_in")
    if exists:
        track(caller, attributes=[{"external_id": "ada", "devices": [{"device_id": "device-0002"}]}])

    identify(caller, worker, aliases_to_identify=[{"external_id": "ada", "user_alias": alias}])
    profile = export(caller, "ada")

    assert [each["device_id"] for each in profile["devices"]] == ["device-0001", *(["device-0002"] if exists else [])]
    assert profile["push_tokens"] == [{"app": "shop", "token": "t-1", "device_id": "device-0001"}]
    assert profile["email_subscribe"] == "opted_in"


def test_a_profile_in_the_control_group_is_not_identified(caller: Caller, worker: Worker) -> None:
    alias = guest(caller, "guest-1", control_group=True)

    (job,) = identify(caller, worker, aliases_to_identify=[{"external_id": "ada", "user_alias": alias}])

    assert job["outcome"] == "protected"


def test_the_external_id_of_an_orphan_identifies_its_survivor(caller: Caller, worker: Worker) -> None:
    track(caller, attributes=[{"external_id": "ada-old"}, {"external_id": "ada"}])
    ids = {"identifier_to_merge": {"external_id": "ada-old"}, "identifier_to_keep": {"external_id": "ada"}}
    caller.post("/users/merge", {"merge_updates": [ids]})
    worker.work()
    alias = guest(caller, "guest-1", first_name="Ada")

    (job,) = identify(caller, worker, aliases_to_identify=[{"external_id": "ada-old", "user_alias": alias}])

    assert job["outcome"] == "merged"
    assert export(caller, "ada")["first_name"] == "Ada"


def test_the_response_lists_refused_objects_and_the_jobs_keep_their_indexes(caller: Caller, worker: Worker) -> None:
    alias = guest(caller, "guest-1")
    body = {"aliases_to_identify": [{"user_alias": alias}, {"external_id": "ada", "user_alias": alias}]}

    response = caller.post("/users/identify", body)
    worker.work()
    (job,) = caller.get(response.json["status_url"]).json["jobs"]

    assert response.status_code == 201
    assert response.json["aliases_processed"] == 1
    assert response.json["errors"] == [
        {"type": "'external_id' is required", "input_array": "user_identifiers", "index": 0}
    ]
    assert (job["index"], job["outcome"]) == (1, "identified")


def test_fifty_objects_of_each_array_create_one_batch(caller: Caller, worker: Worker) -> None:
    """All 150 jobs name one profile, so they run in one lane in the order of the request."""
    aliases = [guest(caller, f"guest-{number}", f"label-{number}", visit=number) for number in range(50)]
    email = {"external_id": "ada", "email": "ada@example.org", "prioritization": ["unidentified"]}
    phone = {"external_id": "ada", "phone": "+14155550100", "prioritization": ["unidentified"]}
    track(
        caller,
        attributes=[{"email": email["email"], "home_city": "London"}, {"phone": phone["phone"], "dob": "1815-12-10"}],
    )

    response = caller.post(
        "/users/identify",
        {
            "aliases_to_identify": [{"external_id": "ada", "user_alias": alias} for alias in aliases],
            "emails_to_identify": [email] * 50,
            "phone_numbers_to_identify": [phone] * 50,
        },
    )
    worker.work()
    batch = caller.get(response.json["status_url"]).json
    profile = export(caller, "ada")
    missing = {"orphan_not_found": 98}

    assert (response.status_code, response.json["message"]) == (201, "success")
    assert [value for name, value in response.json.items() if name.endswith("_processed")] == [50, 50, 50]
    assert [job["index"] for job in batch["jobs"]] == list(range(150))
    assert batch["counts"] == {"identified": 1, "merged": 51, **missing}
    assert (len(profile["user_aliases"]), profile["custom_attributes"]) == (50, {"visit": 0})
    assert (profile["home_city"], profile["dob"]) == ("London", "1815-12-10")


def test_a_request_without_a_valid_object_creates_an_empty_batch(caller: Caller) -> None:
    response = caller.post("/users/identify", {"aliases_to_identify": [{}]})
    batch = caller.get(response.json["status_url"]).json

    assert (response.status_code, response.json["aliases_processed"]) == (201, 0)
    assert (batch["state"], batch["jobs"]) == ("finished", [])


def test_a_repeated_request_with_its_key_gets_the_first_response(caller: Caller, worker: Worker) -> None:
    alias = guest(caller, "guest-1")
    body = {"aliases_to_identify": [{"external_id": "ada", "user_alias": alias}]}
    headers = {"Idempotency-Key": "one"}

    first = caller.post("/users/identify", body, headers=headers)
    worker.work()
    second = caller.post("/users/identify", body, headers=headers)

    assert first.json == second.json
    assert second.headers["Idempotent-Replayed"] == "true"


def test_a_key_without_the_permission_is_refused(make_caller: Any) -> None:
    caller = make_caller(permissions=("users.merge",))

    response = caller.post("/users/identify", {"aliases_to_identify": []})

    assert (response.status_code, response.json) == (403, {"message": "Access Denied"})
