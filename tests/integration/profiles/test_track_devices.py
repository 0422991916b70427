"""`/users/track` by a device alone: the profile that the vendor's SDKs create for an anonymous visitor."""

from collections.abc import Callable

import pytest
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Connection, Pool
from app.lane.run import Lane, execute_lane
from tests.support.at_once import at_once
from tests.support.flask_caller import Caller
from tests.support.postgres import make_database_url
from tests.support.profiles import NOON, Json, export, the_profile, track

database_url = make_database_url(scope="module")

DEVICE: Json = {"device_id": "phone-1"}
LOGIN: Json = {"name": "login", "time": NOON}


def by_device(caller: Caller) -> list[Json]:
    return export(caller, **DEVICE)


def test_a_device_alone_creates_one_unidentified_profile_and_finds_it_again(
    caller: Caller, counted: Callable[[], dict[str, int]]
) -> None:
    first = track(caller, sessions=[{**DEVICE, "app_id": "web", "started_at": NOON}], events=[{**DEVICE, **LOGIN}] * 2)
    second = track(caller, attributes=[{**DEVICE, "first_name": "Ada", "email": "ada@x.org"}])
    (user,) = by_device(caller)

    assert first == {"message": "success", "events_processed": 2, "sessions_processed": 1}
    # Here the email identifies: it is no attribute of the profile of the device.
    assert second == {"message": "success", "attributes_processed": 1}
    assert user["devices"] == [DEVICE]
    assert (user["session_count"], user["custom_events"][0]["count"]) == (1, 2)
    assert "external_id" not in user
    assert "first_name" not in user
    assert counted()["profile"] == 2


def test_a_device_finds_the_most_recently_updated_unidentified_profile_that_has_it(caller: Caller) -> None:
    for name in ("1", "2"):
        alias = {"alias_label": "shop", "alias_name": name}
        track(caller, attributes=[{"user_alias": alias, "_update_existing_only": False, "devices": [DEVICE]}])
    track(caller, events=[{**DEVICE, **LOGIN}])
    counts = {user["user_aliases"][0]["alias_name"]: len(user.get("custom_events", ())) for user in by_device(caller)}

    assert counts == {"1": 0, "2": 1}


def test_a_device_of_a_customer_does_not_find_the_customer(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": "me", "devices": [DEVICE]}])
    before = the_profile(caller)
    track(caller, events=[{**DEVICE, **LOGIN}])
    guest, customer = sorted(by_device(caller), key=lambda user: "external_id" in user)

    assert customer == before
    assert guest["custom_events"][0]["count"] == 1


def test_an_object_sees_the_devices_that_those_before_it_gave(
    caller: Caller, counted: Callable[[], dict[str, int]]
) -> None:
    alias = {"user_alias": {"alias_label": "shop", "alias_name": "7"}}
    track(
        caller,
        attributes=[{**alias, "_update_existing_only": False, "devices": [DEVICE]}],
        events=[{**DEVICE, **LOGIN}],
    )
    (user,) = by_device(caller)

    assert user["user_aliases"] == [alias["user_alias"]]
    assert user["custom_events"][0]["count"] == 1
    assert counted()["profile"] == 1


def test_update_existing_only_creates_no_profile_for_a_device(
    caller: Caller, counted: Callable[[], dict[str, int]]
) -> None:
    answer = track(caller, events=[{**DEVICE, **LOGIN, "_update_existing_only": True}])

    assert answer["events_processed"] == 0
    assert len(answer["warnings"]) == 1
    assert set(counted().values()) == {0}


def test_beside_an_external_id_a_device_id_is_a_custom_attribute(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": "me", "device_id": 7}])
    user = the_profile(caller)

    assert user["custom_attributes"] == {"device_id": 7}
    assert "devices" not in user


def test_devices_of_another_workspace_are_not_found(caller: Caller, make_caller: Callable[..., Caller]) -> None:
    other = make_caller()
    track(other, attributes=[{**DEVICE, "first_name": "theirs"}])
    track(caller, attributes=[{**DEVICE, "first_name": "ours"}])

    assert [user["first_name"] for user in by_device(other)] == ["theirs"]
    assert [user["first_name"] for user in by_device(caller)] == ["ours"]


def test_requests_at_once_create_one_profile_for_a_device(
    caller: Caller, counted: Callable[[], dict[str, int]]
) -> None:
    at_once([lambda: track(caller, events=[{**DEVICE, **LOGIN}])] * 8)
    (user,) = by_device(caller)

    assert user["custom_events"][0]["count"] == 8
    assert counted()["profile"] == 1


@pytest.mark.parametrize("account", [None, "ada"], ids=["a new customer", "a customer with an account"])
def test_a_visitor_is_identified_by_an_alias_of_the_device(caller: Caller, pool: Pool, account: str | None) -> None:
    """The case of the vendor's SDK: the profile of an anonymous visitor gets the external_id at the sign-in."""
    if account:
        track(caller, attributes=[{"external_id": account, "last_name": "Lovelace"}])
    track(caller, events=[{**DEVICE, **LOGIN}])
    alias = {"alias_label": "device", "alias_name": "phone-1"}
    caller.post("/users/alias/new", {"user_aliases": [{**DEVICE, **alias}]})
    body = {"aliases_to_identify": [{"external_id": "ada", "user_alias": alias}]}
    accepted = caller.post("/users/identify", body).json
    (job,) = caller.get(accepted["status_url"]).json["jobs"]
    execute_lane(pool, Settings(), Lane(workspace_id=caller.workspace_id, job_ids=[job["job_id"]], task_id=uuid7()))
    user = the_profile(caller, "ada")
    track(caller, events=[{**DEVICE, **LOGIN}])

    assert user["custom_events"][0]["count"] == 1
    assert user["user_aliases"] == [alias]
    assert the_profile(caller, "ada") == user


def test_profiles_without_devices_or_with_an_external_id_have_no_entry_in_the_index(
    caller: Caller, connection: Connection
) -> None:
    connection.autocommit = True
    track(
        caller,
        attributes=[
            {"external_id": "me", "devices": [DEVICE]},
            {"email": "guest@x.org"},
            {"external_id": "you"},
        ],
    )
    before = _entries(connection)
    track(caller, attributes=[DEVICE])

    assert _entries(connection) == before + 1


def _entries(connection: Connection) -> int:
    """Return the number of profiles in the index. REINDEX counts them."""
    connection.execute("REINDEX INDEX profile_unidentified_device")
    query = "SELECT reltuples::integer FROM pg_class WHERE relname = 'profile_unidentified_device'"
    (row,) = connection.execute(query).fetchall()
    return int(row["reltuples"])
