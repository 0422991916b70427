"""Changes of the identity feed are sent to webhooks that select them, without external_ids."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from app.db.connections import Pool
from tests.integration.webhooks.notices import Json, Notifier, a_webhook, notices_of
from tests.support.flask_caller import Caller
from tests.support.identities import feed, number_all
from tests.support.lane_runs import ext, merged
from tests.support.profiles import track
from tests.support.receiver import Receiver
from tests.support.undos import undo_one

TYPE = "identity.changed"


def merge_all(caller: Caller, pool: Pool, *external_ids: str) -> list[Json]:
    """Merge each of *external_ids* into the next one; return the jobs."""
    track(caller, attributes=[{"external_id": each, "colour": "red"} for each in external_ids])
    return merged(caller, pool, *((ext(orphan), ext(survivor)) for orphan, survivor in pairwise(external_ids)))


def without_names(change: Json) -> Json:
    """Return a change of the feed without its external_ids, like in a notice."""
    sides = {side: change[side] and {"braze_id": change[side]["braze_id"]} for side in ("orphan", "survivor")}
    return {name: value for name, value in change.items() if name != "former_external_id"} | sides


def test_changes_are_sent_in_the_order_of_the_feed_without_external_ids(
    caller: Caller, pool: Pool, receiver: Receiver, notifier: Notifier
) -> None:
    webhook = a_webhook(caller, receiver, types=[TYPE])
    a_webhook(caller, receiver, "/batches")
    (job,) = merge_all(caller, pool, "secret-a", "secret-b")
    undo_one(caller, pool, job["job_id"])
    number_all(pool, caller)
    notifier.until(lambda: [each for each in receiver.received if each.path == "/hook"])
    (request,) = [each for each in receiver.received if each.path == "/hook"]

    content = request.verified(webhook["secret"])
    changes = feed(caller)
    assert [each["kind"] for each in changes] == ["merge", "undo"]
    assert content == {
        "type": TYPE,
        "timestamp": changes[-1]["at"],
        "data": {"changes": [without_names(each) for each in changes]},
    }
    assert b"secret" not in request.body
    assert all(b"identity.changed" not in each.body for each in receiver.received if each.path == "/batches")


def test_each_change_is_in_one_notice_and_a_notice_has_several_changes(
    caller: Caller, pool: Pool, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.webhooks.identities.MOST", 3)
    webhook = a_webhook(caller, receiver, types=[TYPE])
    merge_all(caller, pool, "a", "b", "c", "d", "e")
    for _ in range(3):
        number_all(pool, caller)

    assert len(feed(caller)) == 4
    assert [each["type"] for each in notices_of(caller, webhook)] == [TYPE] * 2


def test_a_webhook_without_types_gets_batches_only(caller: Caller, receiver: Receiver) -> None:
    assert a_webhook(caller, receiver)["types"] == ["merge.batch.finished"]


def test_selecting_identity_changes_needs_the_permission_identities_read(
    make_caller: Callable[..., Caller], caller: Caller, receiver: Receiver
) -> None:
    webhook = a_webhook(caller, receiver, types=[TYPE])
    path = f"/webhooks/{webhook['webhook_id']}"
    other = make_caller(workspace=caller.workspace, permissions=("webhooks.write", "webhooks.read"))
    body: dict[str, Any] = {"url": f"{receiver.url}/other"}

    assert other.post("/webhooks", {**body, "types": [TYPE]}).status_code == 403
    assert other.patch(path, body).status_code == 403
    assert other.get(path).json["url"] == webhook["url"]
    mine = a_webhook(other, receiver)
    assert other.patch(f"/webhooks/{mine['webhook_id']}", {"types": [TYPE]}).status_code == 403
    reader = make_caller(workspace=caller.workspace, permissions=("webhooks.write", "identities.read"))
    assert reader.post("/webhooks", {**body, "types": [TYPE]}).status_code == 201
