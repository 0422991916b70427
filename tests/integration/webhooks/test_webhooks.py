"""The endpoints that create, list, change and delete webhooks."""

from collections.abc import Callable

import pytest

from app.db.connections import Connection
from app.webhooks.store import MOST
from app.webhooks.targets import FORM, NOWHERE
from tests.integration.webhooks.notices import a_webhook
from tests.support.flask_caller import Caller
from tests.support.receiver import Receiver

DEFAULT = ["merge.batch.finished"]


def test_the_secret_is_returned_only_when_the_webhook_is_created(
    caller: Caller, receiver: Receiver, connection: Connection
) -> None:
    made = a_webhook(caller, receiver)
    path = f"/webhooks/{made['webhook_id']}"
    responses = [caller.get("/webhooks").text, caller.get(path).text, caller.patch(path, {"description": "x"}).text]
    (row,) = connection.execute("SELECT w::text AS row FROM webhook AS w WHERE id = %s", [made["webhook_id"]])

    assert not any("whsec_" in each for each in responses)
    assert made["secret"].removeprefix("whsec_") not in row["row"]


def test_a_new_webhook_has_the_default_types_and_is_enabled(caller: Caller, receiver: Receiver) -> None:
    made = a_webhook(caller, receiver)
    other = a_webhook(caller, receiver, types=[], description="of nothing", enabled=False)

    assert (made["types"], made["description"], made["enabled"]) == (DEFAULT, "", True)
    assert (other["types"], other["description"], other["enabled"]) == ([], "of nothing", False)
    assert made["former_secret_until"] is None


def test_a_change_keeps_the_fields_that_it_omits(caller: Caller, receiver: Receiver) -> None:
    made = a_webhook(caller, receiver, description="CRM")
    path = f"/webhooks/{made['webhook_id']}"
    changed = caller.patch(path, {"url": f"{receiver.url}/other"}).json or {}

    assert changed["url"] == f"{receiver.url}/other"
    assert (changed["description"], changed["types"], changed["enabled"]) == ("CRM", DEFAULT, True)
    assert caller.patch(path, {}).json == changed


def test_a_deleted_webhook_gets_404(caller: Caller, receiver: Receiver) -> None:
    path = f"/webhooks/{a_webhook(caller, receiver)['webhook_id']}"
    caller.post(f"{path}/test")

    assert caller.delete(path).json == {"message": "success"}
    assert [caller.get(path).status_code, caller.delete(path).status_code] == [404, 404]
    assert (caller.get("/webhooks").json or {})["webhooks"] == []


def test_a_workspace_has_a_bounded_number_of_webhooks(caller: Caller, receiver: Receiver) -> None:
    for _ in range(MOST):
        a_webhook(caller, receiver)
    answer = caller.post("/webhooks", {"url": receiver.url})

    assert answer.status_code == 409
    assert f"{MOST} webhooks" in (answer.json or {})["message"]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ([], "The request body must be a JSON object."),
        ({}, "'url' is required"),
        ({"url": None}, "'url' may not be null"),
        ({"url": ""}, "'url' may not be empty"),
        ({"url": "https://x/" + "a" * 2_040}, "'url' may not be longer than 2048 characters"),
        ({"url": "ftp://127.0.0.1/"}, FORM),
        ({"url": "http://169.254.169.254/latest/meta-data"}, NOWHERE),
        (
            {"url": "http://127.0.0.1/", "types": ["made.up"]},
            "'types.0' must be merge.batch.finished, merge.run.finished, merge.run.paused, identity.changed",
        ),
        ({"url": "http://127.0.0.1/", "types": "all"}, "'types' must be an array"),
        ({"url": "http://127.0.0.1/", "enabled": 1}, "'enabled' must be true or false"),
        ({"url": "http://127.0.0.1/", "description": "x" * 256}, "'description' may not be longer than 255 characters"),
        (
            {"url": "http://127.0.0.1/", "secret": "mine"},
            "'secret' is no key of this request; its keys are url, types, description, enabled.",
        ),
    ],
)
def test_an_invalid_webhook_is_refused_with_a_message(caller: Caller, body: object, sentence: str) -> None:
    answer = caller.post("/webhooks", body)

    assert (answer.status_code, answer.json) == (400, {"message": sentence})


def test_an_invalid_change_is_refused(caller: Caller, receiver: Receiver) -> None:
    path = f"/webhooks/{a_webhook(caller, receiver)['webhook_id']}"
    answers = [caller.patch(path, body) for body in ({"url": "http://169.254.169.254/"}, {"enabled": None}, {"x": 1})]

    assert [answer.status_code for answer in answers] == [400] * 3


def test_reading_and_writing_webhooks_need_different_permissions(
    make_caller: Callable[..., Caller], receiver: Receiver
) -> None:
    reader, writer = make_caller(permissions=("webhooks.read",)), make_caller(permissions=("webhooks.write",))
    body = {"url": receiver.url}

    assert [reader.get("/webhooks").status_code, reader.post("/webhooks", body).status_code] == [200, 403]
    assert [writer.get("/webhooks").status_code, writer.post("/webhooks", body).status_code] == [403, 201]


def test_notices_are_listed_newest_first_in_pages(caller: Caller, receiver: Receiver) -> None:
    path = f"/webhooks/{a_webhook(caller, receiver)['webhook_id']}"
    made = [(caller.post(f"{path}/test").json or {})["notice_id"] for _ in range(3)]
    first = caller.get(f"{path}/notices", limit=2).json or {}
    last = caller.get(f"{path}/notices", limit=2, cursor=first["next_cursor"]).json or {}

    assert [each["notice_id"] for each in (*first["notices"], *last["notices"])] == made[::-1]
    assert last["next_cursor"] is None
