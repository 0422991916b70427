"""`/merge/queue`: pause, resume and limit the jobs of the workspace."""

from flask import Blueprint, g, jsonify
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction, run_in_transaction
from app.ledger.queue_control import read_queue
from app.queue.control import change_queue
from app.web.auth import POLLING, current_actor, json_body, pool, requires
from app.web.openapi.describe import Tag, describe
from schemas.queue import QueueChangeSchema, QueueSchema, load_queue_change

blueprint = Blueprint("queue", __name__, url_prefix="/merge/queue")

MANAGE = "queue.manage"
#: A key that may create jobs may see why they wait.
READING = (*POLLING, MANAGE)

QUEUE = QueueSchema()


@describe(Tag.MERGES, "Read the queue", replies={200: QueueSchema})
@blueprint.get("")
@requires(permission=READING)
def read_queue_view() -> ResponseReturnValue:
    """Return whether the queue runs, its limit, and the number of its jobs."""
    return _response()


@describe(Tag.MERGES, "Pause, resume or limit the queue", body=QueueChangeSchema, replies={200: QueueSchema})
@blueprint.put("")
@requires(permission=MANAGE)
def change_queue_view() -> ResponseReturnValue:
    """Change the settings of the queue and return it; a missing key keeps its value.

    While the queue is paused, requests are accepted and their jobs wait. A lane that runs is finished, and no other job
    begins. `merges_per_minute_limit` bounds how many jobs of all kinds begin in a minute: in any 10 seconds at most a
    fifth more. A change takes effect within a second. The audit records it.
    """
    change = load_queue_change(json_body())
    run_in_transaction(pool(), g.workspace_id, change_queue, change, actor=current_actor())
    return _response()


def _response() -> ResponseReturnValue:
    with open_transaction(pool(), g.workspace_id) as tx:
        status = read_queue(tx)
    return jsonify(QUEUE.dump(status))
