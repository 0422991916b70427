"""Every webhook that selects finished batches gets a signed notice, which is retried until the webhook accepts it."""

from collections.abc import Callable
from typing import Any

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from app.config import Settings
from app.db.connections import Connection
from tests.integration.webhooks.notices import Json, Notifier, a_merge, a_webhook, died, notices_of
from tests.support.flask_caller import Caller
from tests.support.receiver import Received, Receiver
from tests.support.worker import Worker

FAILING = (500, {})


def failing_first(times: int, answer: tuple[int, dict[str, str]] = FAILING) -> Callable[[Received], Any]:
    """Return a function whose responses fail *times* times for each notice and then succeed."""
    seen: list[str] = []

    def answered(request: Received) -> tuple[int, dict[str, str]]:
        seen.append(request.notice_id)
        return answer if seen.count(request.notice_id) <= times else (204, {})

    return answered


def states(caller: Caller, webhook: Json) -> list[str]:
    """Return the states of a webhook's notices, newest first."""
    return [notice["state"] for notice in notices_of(caller, webhook)]


def test_a_finished_batch_sends_a_signed_notice_without_identifiers(
    caller: Caller, receiver: Receiver, worker: Worker, notifier: Notifier
) -> None:
    webhook = a_webhook(caller, receiver)
    batch_id = a_merge(caller, orphan="secret-person", survivor="other-person")
    worker.work()
    batch = caller.get(f"/merge/batches/{batch_id}").json or {}
    notifier.until(lambda: receiver.received)
    (request,) = receiver.received

    assert request.verified(webhook["secret"]) == {
        "type": "merge.batch.finished",
        "timestamp": batch["finished_at"],
        "data": {
            "batch_id": batch_id,
            "run_id": None,
            "kind": "merge",
            "counts": {"orphan_not_found": 1},
            "status_url": f"/merge/batches/{batch_id}",
            "created_at": batch["created_at"],
            "finished_at": batch["finished_at"],
        },
    }
    assert b"person" not in request.body
    assert request.headers["content-type"] == "application/json"


def test_a_delivered_notice_is_listed_as_sent(
    caller: Caller, receiver: Receiver, worker: Worker, notifier: Notifier
) -> None:
    webhook = a_webhook(caller, receiver)
    batch_id = a_merge(caller)
    worker.work()
    notifier.until(lambda: states(caller, webhook) == ["sent"])
    (notice,) = notices_of(caller, webhook)

    assert (notice["notice_id"], notice["batch_id"]) == (receiver.received[0].notice_id, batch_id)
    assert (notice["attempts"], notice["last_status"], notice["last_error"]) == (1, 204, None)
    assert notice["next_attempt_at"] is None
    assert notices_of(caller, webhook, state="dead") == []


def test_an_unfinished_batch_sends_no_notice(
    caller: Caller, receiver: Receiver, worker: Worker, notifier: Notifier
) -> None:
    webhook = a_webhook(caller, receiver)
    a_merge(caller)
    for _ in range(3):
        notifier.step()

    assert notices_of(caller, webhook) == []
    worker.work()
    notifier.until(lambda: states(caller, webhook) == ["sent"])


def test_a_workspace_without_a_webhook_watches_no_batch(caller: Caller, connection: Connection) -> None:
    a_merge(caller)
    rows = connection.execute("SELECT 1 FROM webhook_watch WHERE workspace_id = %s", [caller.workspace_id]).fetchall()

    assert rows == []


@pytest.mark.parametrize("kind", ["identify", "undo", "nothing"])
def test_batches_of_each_kind_send_notices(
    caller: Caller, receiver: Receiver, worker: Worker, notifier: Notifier, kind: str
) -> None:
    people = [{"external_id": "ada"}, {"external_id": "ada-2"}, {"user_alias": {"alias_label": "l", "alias_name": "n"}}]
    caller.post("/users/track", {"attributes": [{**each, "_update_existing_only": False} for each in people]})
    merged = a_merge(caller, orphan="ada-2", survivor="ada")
    worker.work()
    a_webhook(caller, receiver)
    if kind == "undo":
        answer = caller.post(f"/merge/batches/{merged}/undo", {})
    elif kind == "identify":
        one = {"external_id": "grace", "user_alias": {"alias_label": "l", "alias_name": "n"}}
        answer = caller.post("/users/identify", {"aliases_to_identify": [one]})
    else:
        answer = caller.post("/users/merge", {"merge_updates": []})
    worker.work()
    notifier.until(lambda: receiver.received)
    data = receiver.received[0].content["data"]

    assert data["batch_id"] == (answer.json or {})["batch_id"]
    assert data["kind"] == ("merge" if kind == "nothing" else kind)
    assert data["counts"] == {"identify": {"identified": 1}, "undo": {"undone": 1}, "nothing": {}}[kind]


def test_a_failed_notice_is_retried_with_the_same_id_and_body(
    caller: Caller, receiver: Receiver, worker: Worker, notifier: Notifier
) -> None:
    webhook = a_webhook(caller, receiver)
    receiver.answer = failing_first(2)
    a_merge(caller)
    worker.work()
    notifier.until(lambda: states(caller, webhook) == ["sent"])
    first, *later = receiver.received

    assert len(later) == 2
    assert {(each.notice_id, each.body) for each in later} == {(first.notice_id, first.body)}
    assert [each.verified(webhook["secret"])["type"] for each in receiver.received] == ["merge.batch.finished"] * 3
    assert notices_of(caller, webhook)[0]["attempts"] == 3


def test_a_notice_is_dead_after_its_last_attempt_and_can_be_retried(
    caller: Caller, receiver: Receiver, worker: Worker, notifier: Notifier
) -> None:
    webhook = a_webhook(caller, receiver)
    receiver.answer = lambda _: (503, {})
    a_merge(caller)
    worker.work()
    notifier.until(lambda: states(caller, webhook) == ["dead"])
    (dead,) = notices_of(caller, webhook, state="dead")
    receiver.answer = lambda _: (200, {})
    retried = caller.post(f"/webhooks/{webhook['webhook_id']}/notices/{dead['notice_id']}/retry")
    again = caller.post(f"/webhooks/{webhook['webhook_id']}/notices/{dead['notice_id']}/retry")
    notifier.until(lambda: states(caller, webhook) == ["sent"])

    assert (dead["attempts"], dead["last_status"], dead["last_error"]) == (3, 503, "It answered 503.")
    assert (retried.status_code, (retried.json or {})["state"]) == (202, "waiting")
    assert (again.status_code, (again.json or {})["message"]) == (
        409,
        "This notice is waiting; only a dead one can be retried.",
    )
    assert {each.notice_id for each in receiver.received} == {dead["notice_id"]}


def test_a_webhook_that_responds_with_410_is_disabled(
    caller: Caller, receiver: Receiver, worker: Worker, notifier: Notifier
) -> None:
    webhook = a_webhook(caller, receiver)
    receiver.answer = lambda _: (410, {})
    a_merge(caller)
    worker.work()
    notifier.until(lambda: states(caller, webhook) == ["dead"])
    shown = caller.get(f"/webhooks/{webhook['webhook_id']}").json or {}
    a_merge(caller)
    worker.work()
    for _ in range(3):
        notifier.step()

    assert (shown["enabled"], shown["disabled_reason"]) == (False, "The webhook answered 410 Gone.")
    assert len(receiver.received) == 1


def test_the_retry_after_of_a_webhook_delays_the_next_attempt(
    caller: Caller, receiver: Receiver, worker: Worker, notifier: Notifier, connection: Connection
) -> None:
    webhook = a_webhook(caller, receiver)
    receiver.answer = failing_first(1, (429, {"Retry-After": "3600"}))
    a_merge(caller)
    worker.work()
    notifier.until(lambda: notices_of(caller, webhook) and notices_of(caller, webhook)[0]["attempts"] == 1)
    query = """
        SELECT extract(epoch FROM due_at - attempted_at) AS pause FROM webhook_delivery WHERE workspace_id = %s
    """
    (row,) = connection.execute(query, [caller.workspace_id]).fetchall()

    assert 3590 < row["pause"] < 3610


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_a_failure_and_not_followed(
    caller: Caller, receiver: Receiver, worker: Worker, notifier: Notifier, status: int
) -> None:
    webhook = a_webhook(caller, receiver)
    receiver.answer = lambda _: (status, {"Location": f"{receiver.url}/elsewhere"})
    a_merge(caller)
    worker.work()
    notifier.until(lambda: states(caller, webhook) == ["dead"])

    assert receiver.of("/elsewhere") == []
    assert notices_of(caller, webhook)[0]["last_error"] == f"It answered {status}."


def test_a_batch_that_finishes_again_after_a_retry_sends_a_notice_with_another_id(
    caller: Caller, receiver: Receiver, worker: Worker, notifier: Notifier, connection: Connection
) -> None:
    a_webhook(caller, receiver)
    batch_id = a_merge(caller)
    job_id = died(connection, batch_id)
    notifier.until(lambda: len(receiver.received) == 1)
    caller.post(f"/merge/jobs/{job_id}/retry", {})
    worker.work()
    notifier.until(lambda: len(receiver.received) == 2)
    first, second = receiver.received

    assert [each.content["data"]["counts"] for each in (first, second)] == [{"dead": 1}, {"orphan_not_found": 1}]
    assert first.notice_id != second.notice_id


def test_notices_of_a_disabled_webhook_wait(
    caller: Caller, receiver: Receiver, notifier: Notifier, worker: Worker
) -> None:
    webhook = a_webhook(caller, receiver)
    path = f"/webhooks/{webhook['webhook_id']}"
    assert caller.post(f"{path}/test").status_code == 202
    caller.patch(path, {"enabled": False})
    for _ in range(3):
        notifier.step()
    waiting, refused = states(caller, webhook), caller.post(f"{path}/test")
    caller.patch(path, {"enabled": True})
    notifier.until(lambda: states(caller, webhook) == ["sent"])

    assert waiting == ["waiting"]
    assert refused.status_code == 409


def test_a_test_of_a_webhook_sends_a_notice(caller: Caller, receiver: Receiver, notifier: Notifier) -> None:
    webhook = a_webhook(caller, receiver)
    answer = caller.post(f"/webhooks/{webhook['webhook_id']}/test")
    notifier.until(lambda: receiver.received)
    content = receiver.received[0].verified(webhook["secret"])

    assert answer.status_code == 202
    assert (content["type"], content["data"]) == ("webhook.test", {"webhook_id": webhook["webhook_id"]})
    assert (answer.json or {})["notice_id"] == receiver.received[0].notice_id


def test_the_former_and_the_rotated_secret_sign_until_the_former_expires(
    caller: Caller, receiver: Receiver, notifier: Notifier, connection: Connection
) -> None:
    webhook = a_webhook(caller, receiver)
    path = f"/webhooks/{webhook['webhook_id']}"
    rotated = caller.post(f"{path}/secret/rotate").json or {}
    caller.post(f"{path}/test")
    notifier.until(lambda: receiver.received)
    connection.execute("UPDATE webhook SET former_until = now() WHERE id = %s", [webhook["webhook_id"]])
    caller.post(f"{path}/test")
    notifier.until(lambda: len(receiver.received) == 2)
    both, after = receiver.received

    assert rotated["secret"] != webhook["secret"]
    assert rotated["former_secret_until"] > rotated["created_at"]
    assert both.verified(webhook["secret"]) == both.verified(rotated["secret"])
    assert after.verified(rotated["secret"])
    with pytest.raises(WebhookVerificationError):
        after.verified(webhook["secret"])


def test_a_notice_whose_pepper_is_missing_is_dead_with_an_error(
    caller: Caller, receiver: Receiver, make_notifier: Callable[..., Notifier]
) -> None:
    webhook = a_webhook(caller, receiver)
    notifier = make_notifier(webhook_pepper=("another-pepper-of-16",))
    caller.post(f"/webhooks/{webhook['webhook_id']}/test")
    notifier.until(lambda: states(caller, webhook) == ["dead"])

    assert receiver.received == []
    assert "MERGELANE_WEBHOOK_PEPPER" in notices_of(caller, webhook)[0]["last_error"]


def test_a_secret_with_an_older_configured_pepper_signs_notices(
    caller: Caller, receiver: Receiver, settings: Settings, make_notifier: Callable[..., Notifier]
) -> None:
    webhook = a_webhook(caller, receiver)
    notifier = make_notifier(webhook_pepper=("another-pepper-of-16", *settings.webhook_pepper))
    caller.post(f"/webhooks/{webhook['webhook_id']}/test")
    notifier.until(lambda: receiver.received)

    assert receiver.received[0].verified(webhook["secret"])


def test_a_notice_is_sent_to_each_webhook_of_its_workspace_only(
    make_caller: Callable[..., Caller], receiver: Receiver, worker: Worker, notifier: Notifier
) -> None:
    owner, stranger = make_caller(), make_caller()
    for path in ("/one", "/two"):
        a_webhook(owner, receiver, path)
    a_webhook(stranger, receiver, "/strangers")
    a_merge(owner)
    worker.work()
    notifier.until(lambda: len(receiver.received) == 2)
    notifier.step()

    assert sorted(each.path for each in receiver.received) == ["/one", "/two"]
    assert len({each.notice_id for each in receiver.received}) == 2
