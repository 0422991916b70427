"""Unmodified public clients of the vendor against a running Mergelane: only the base URL and the key differ."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.support.client import Client
from tests.support.public_clients import (
    PublicClient,
    install_javascript,
    install_python,
    python_command,
)

#: Starts a public client on a base URL with a key.
Start = Callable[[str, str], PublicClient]

TIME = "2026-03-01T12:00:00Z"
GUEST = {"alias_label": "cart", "alias_name": "guest"}
RENAMED = {"alias_label": "cart", "alias_name": "guest-1"}
ANN = {"external_id": "ann", "first_name": "Ann", "plan": "pro"}
TWIN = {"external_id": "ann-2", "last_name": "Lee", "email": "ann@example.com", "plan": "free"}
LOGIN = {"external_id": "ann-2", "name": "login", "time": TIME}
HAT = {"external_id": "ann-2", "product_id": "hat", "currency": "USD", "price": 9.99, "time": TIME}
NOTHING_VALID = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."


def starting(command: Callable[[str, str], list[str]], environ: dict[str, str] | None = None) -> Iterator[Start]:
    """Yield a function that starts the client of *command*. Every client that it started ends with the test."""
    with ExitStack() as stack:
        yield lambda base_url, key: stack.enter_context(PublicClient(command(base_url, key), environ=environ))


@pytest.fixture(scope="module")
def sdk_environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which braze-client-sdk is installed."""
    return install_python("braze-client-sdk", tmp_path_factory.mktemp("sdk"))


@pytest.fixture
def sdk(sdk_environ: dict[str, str]) -> Iterator[Start]:
    """Starts braze-client-sdk."""
    yield from starting(lambda *where: python_command("braze-client-sdk", *where), sdk_environ)


@pytest.fixture
def edx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts edx-braze-client."""
    environ = install_python("edx-braze-client", tmp_path_factory.mktemp("edx"))
    yield from starting(lambda *where: python_command("edx-braze-client", *where), environ)


@pytest.fixture
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts braze-api, the JavaScript client."""
    driver = install_javascript(tmp_path_factory.mktemp("node"))
    yield from starting(lambda *where: ["node", str(driver), *where])


def outcomes(client: Client, accepted: Any) -> list[str]:
    """Return the outcomes of the batch in the response *accepted*."""
    return [job["outcome"] for job in client.finished(accepted["batch_id"])["jobs"]]


def run_lifecycle(client: Client, call: Callable[[str, Any], Any]) -> None:
    """Track, identify, merge, export and delete two people with *call*."""
    tracked = call("users.track", {"attributes": [ANN, TWIN], "events": [LOGIN], "purchases": [HAT]})
    aliased = call("users.alias.new", {"user_aliases": [GUEST]})
    update = {"alias_label": "cart", "old_alias_name": "guest", "new_alias_name": "guest-1"}
    renamed = call("users.alias.update", {"alias_updates": [update]})
    call("users.track", {"attributes": [{"user_alias": RENAMED, "first_name": "Bob"}]})
    identified = call("users.identify", {"aliases_to_identify": [{"external_id": "bob", "user_alias": RENAMED}]})
    pair = {"identifier_to_merge": {"external_id": "ann-2"}, "identifier_to_keep": {"external_id": "ann"}}
    merged = call("users.merge", {"merge_updates": [pair]})

    assert tracked == {
        "message": "success",
        "attributes_processed": 2,
        "events_processed": 1,
        "purchases_processed": 1,
    }
    assert (aliased["message"], aliased["aliases_processed"]) == ("success", 1)
    assert renamed["message"] == "success"
    assert (identified["message"], identified["aliases_processed"]) == ("success", 1)
    assert merged["message"] == "success"
    assert outcomes(client, identified) == ["identified"]
    assert outcomes(client, merged) == ["merged"]

    exported = call("users.export.ids", {"external_ids": ["ann", "bob", "ann-2"]})
    ann, bob = exported["users"]

    assert (exported["message"], exported["invalid_user_ids"]) == ("success", ["ann-2"])
    assert (ann["first_name"], ann["last_name"], ann["email"]) == ("Ann", "Lee", "ann@example.com")
    assert (ann["custom_attributes"], ann["total_revenue"]) == ({"plan": "pro"}, 9.99)
    assert [(each["name"], each["count"]) for each in ann["custom_events"]] == [("login", 1)]
    assert (bob["first_name"], bob["user_aliases"]) == ("Bob", [RENAMED])

    deleted = call("users.delete", {"external_ids": ["bob"]})

    assert (deleted["message"], deleted["deleted"]) == ("success", 1)
    assert call("users.export.ids", {"external_ids": ["bob"]})["users"] == []


def test_the_python_client_braze_client_sdk(client: Client, sdk: Start) -> None:
    public = sdk(client.base_url, client.key)
    run_lifecycle(client, lambda call, body: public.answer(call=call, arguments={"content": body}))
    refused = public.error(call="users.track", arguments={"content": {"attributes": [{"first_name": "X"}]}})
    stranger = sdk(client.base_url, "nobodys-key").error(call="users.delete", arguments={"content": {}})

    assert (refused["type"], refused["message"][:3]) == ("HTTPError", "400")
    assert (stranger["type"], stranger["message"][:3]) == ("HTTPError", "401")


def test_the_javascript_client_braze_api(client: Client, node: Start) -> None:
    public = node(client.base_url, client.key)
    run_lifecycle(client, lambda call, body: public.answer(call=call, body=body))
    rename = {"external_id_renames": [{"current_external_id": "ann", "new_external_id": "ann-1"}]}
    renamed = public.answer(call="users.external_ids.rename", body=rename)
    removed = public.answer(call="users.external_ids.remove", body={"external_ids": ["ann"]})
    refused = public.error(call="users.track", body={"attributes": [{"first_name": "X"}]})
    stranger = node(client.base_url, "nobodys-key").error(call="users.delete", body={"external_ids": ["ann-1"]})

    assert renamed == {
        "message": "success",
        "external_ids": [{"current_external_id": "ann", "new_external_id": "ann-1"}],
        "rename_errors": [],
    }
    assert removed == {"message": "success", "removed_ids": ["ann"], "removal_errors": []}
    assert refused == {"status": 400, "message": NOTHING_VALID}
    assert stranger == {"status": 401, "message": "Invalid API key"}
    assert client.profile("ann-1")["first_name"] == "Ann"


def test_the_python_client_edx_braze_client(client: Client, edx: Start) -> None:
    """The client names learners by email, users by number, and reads a user before it writes."""
    public = edx(client.base_url, client.key)

    def call(name: str, **arguments: Any) -> Any:
        return public.answer(call=name, arguments=arguments)

    address = "ann@example.com"
    learner = {"alias_label": "learner", "alias_name": address}
    call(
        "track_user",
        attributes=[{"external_id": "7", "email": "zoe@example.com"}],
        events=[{**LOGIN, "external_id": "7"}],
    )
    call("create_braze_alias", emails=[address], alias_label="learner", attributes=[])
    unknown = call("get_braze_external_id", email=address)
    identified = call("identify_users", aliases_to_identify=[{"external_id": 42, "user_alias": learner}])
    became = outcomes(client, identified)
    recipients = call("create_recipients", alias_label="learner", user_id_by_email={address: 42})
    call("track_user", attributes=[recipients[address]["attributes"]], purchases=[{**HAT, "external_id": "42"}])

    assert unknown is None
    assert became == ["identified"]
    assert call("get_braze_external_id", email=address) == "42"
    assert call("get_braze_external_id_batch", emails=[address], alias_label="learner") == {address: "42"}
    assert client.profile("42")["user_aliases"] == [learner]
    assert client.profile("42")["custom_attributes"] == {"is_enterprise_learner": True}
    assert client.profile("42")["total_revenue"] == 9.99

    refused = public.error(call="track_user", arguments={"attributes": [{"first_name": "X"}]})
    stranger = edx(client.base_url, "nobodys-key").error(call="get_braze_external_id", arguments={"email": address})

    assert refused["type"] == "BrazeBadRequestError"
    assert NOTHING_VALID in refused["message"]
    assert stranger["type"] == "BrazeUnauthorizedError"
