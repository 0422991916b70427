"""Which writes make a profile the most recently updated one with its address."""

from collections.abc import Callable

import pytest

from tests.support.client import Client
from tests.support.pairs import MAY, Json, engagement, event, purchase, session

SHARED = "shared@example.com"
ADA, BOB = {"external_id": "ada"}, {"external_id": "bob"}
ALIAS = {"alias_label": "shop", "alias_name": "ada-1"}
DEVICE = {"alias_label": "device", "alias_name": "phone"}
NEWEST = {"email": SHARED, "prioritization": ["most_recently_updated"]}


def accepted(client: Client, path: str, body: Json) -> None:
    """Send a request that must take effect, and wait for its jobs."""
    response = client.post(path, body)

    assert response.status_code in {201, 202}, response.text
    if "batch_id" in response.json():
        outcomes = {job["outcome"] for job in client.finished(response.json()["batch_id"])["jobs"]}
        assert outcomes <= {"merged", "identified"}


def identify_a_guest_as_ada(client: Client) -> None:
    accepted(client, "/users/identify", {"aliases_to_identify": [{**ADA, "user_alias": DEVICE}]})


WRITES: dict[str, Callable[[Client], object]] = {
    "an attribute": lambda client: client.track(attributes=[{**ADA, "plan": "pro"}]),
    "an attribute with the value that it had": lambda client: client.track(attributes=[{**ADA, "email": SHARED}]),
    "an event": lambda client: client.track(events=[{**ADA, **event("login", MAY)}]),
    "a purchase": lambda client: client.track(purchases=[{**ADA, **purchase("hat", MAY)}]),
    "a session": lambda client: client.track(sessions=[{**ADA, **session("web", MAY)}]),
    "an engagement": lambda client: client.track(
        engagements=[{**ADA, **engagement("campaign", "sale", "opened", MAY)}]
    ),
    "a new alias": lambda client: accepted(
        client, "/users/alias/new", {"user_aliases": [{**ADA, "alias_label": "mail", "alias_name": "a"}]}
    ),
    "another name of an alias": lambda client: accepted(
        client,
        "/users/alias/update",
        {"alias_updates": [{"alias_label": "shop", "old_alias_name": "ada-1", "new_alias_name": "ada-2"}]},
    ),
    "another external_id": lambda client: accepted(
        client,
        "/users/external_ids/rename",
        {"external_id_renames": [{"current_external_id": "ada", "new_external_id": "ada-2"}]},
    ),
    "a merge into it": lambda client: client.merged([("cat", "ada")]),
    "an identify that merges into it": identify_a_guest_as_ada,
}
OTHERS: dict[str, Callable[[Client], object]] = {
    "an export": lambda client: client.profile("ada"),
    "a merge without effect": lambda client: client.merged([("nobody", "ada")]),
    "a preview": lambda client: client.post(
        "/users/merge/preview",
        {"merge_updates": [{"identifier_to_merge": {"external_id": "cat"}, "identifier_to_keep": ADA}]},
    ),
}


@pytest.fixture
def ada(client: Client) -> str:
    """The braze_id of Ada, who shares her address with Bob, the more recently updated one."""
    client.track(attributes=[{**ADA, "email": SHARED}, {"external_id": "cat"}, {"external_id": "target"}])
    accepted(client, "/users/alias/new", {"user_aliases": [{**ADA, **ALIAS}, DEVICE]})
    client.track(attributes=[{**BOB, "email": SHARED}])
    braze_id: str = client.profile("ada")["braze_id"]

    assert newest(client) != braze_id
    return braze_id


def newest(client: Client) -> str:
    """Return the braze_id of the most recently updated profile with the address, by the preview of a merge."""
    update = {"identifier_to_merge": NEWEST, "identifier_to_keep": {"external_id": "target"}}
    response = client.post("/users/merge/preview", {"merge_updates": [update]})

    assert response.status_code == 200, response.text
    braze_id: str = response.json()["updates"][0]["orphan"]["braze_id"]
    return braze_id


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_write_makes_a_profile_the_most_recently_updated(
    client: Client, ada: str, write: Callable[[Client], object]
) -> None:
    write(client)

    assert newest(client) == ada


@pytest.mark.parametrize("request_", OTHERS.values(), ids=OTHERS)
def test_a_request_that_writes_nothing_keeps_the_update_time(
    client: Client, ada: str, request_: Callable[[Client], object]
) -> None:
    request_(client)

    assert newest(client) != ada


def test_an_external_id_that_identify_gives_makes_a_profile_the_most_recently_updated(client: Client) -> None:
    accepted(client, "/users/alias/new", {"user_aliases": [DEVICE]})
    client.track(attributes=[{"user_alias": DEVICE, "email": SHARED}])
    client.track(attributes=[{**BOB, "email": SHARED}, {"external_id": "target"}])
    identify_a_guest_as_ada(client)

    assert newest(client) == client.profile("ada")["braze_id"]
