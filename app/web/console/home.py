"""The overview: whether all is well, what waits and for how long, what failed, and the latest runs and batches.

A module of its own since the navigation marks the entry of the current page by its blueprint.
"""

from typing import Any

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction
from app.ledger.overview import read_overview
from app.ledger.run_lists import MergeRunFilter, list_merge_runs
from app.system.processes import list_processes
from app.web.api.runs import EITHER as READING_RUNS
from app.web.api.webhooks import READ as READ_WEBHOOKS
from app.web.auth import POLLING
from app.web.console import batches, throughput
from app.web.console.alerts import list_alerts
from app.web.console.auth import signed_in
from app.web.console.run_views import RunView, view_runs
from app.web.resources import pool, settings
from app.webhooks.failing import list_failing_webhooks

blueprint = Blueprint("home", __name__)

LATEST = "10"
LATEST_RUNS = 5
#: Seconds after which the browser reloads the figures.
AGAIN_AFTER_S = 10


@blueprint.get("", strict_slashes=False)
@signed_in(permission=None)
def home_page() -> ResponseReturnValue:
    """Show what the key may read of the queue, the runs and the batches, and its permissions.

    A visible page reloads its figures and its charts, each by themselves.
    """
    is_part = "HX-Request" in request.headers
    may_poll = any(map(g.may, POLLING))
    context: dict[str, Any] = {"figures": _figures() if may_poll else None, "again_after_figures": AGAIN_AFTER_S}
    if is_part and may_poll:
        return render_template("home_figures.html", **context)
    context["batches"] = None
    if may_poll:
        context |= batches.batch_list_context({"limit": LATEST})
        context |= throughput.chart_context(request.args.get("period", throughput.DEFAULT_PERIOD))
    return render_template("home.html", runs=_latest_runs(), **context)


def _figures() -> dict[str, Any]:
    """Return the figures of the queue and the alerts."""
    with open_transaction(pool(), g.workspace_id) as tx:
        queue = read_overview(tx)
        failing = list_failing_webhooks(tx) if g.may(READ_WEBHOOKS) else []
        processes = list_processes(tx.connection)
    limit_s = settings().waiting_alert_s
    alerts = list_alerts(queue, processes, failing, oldest_waiting_limit_s=limit_s)
    last_minute, per_minute = throughput.jobs_per_minute()
    return {
        "queue": queue,
        "alerts": alerts,
        "last_minute": last_minute,
        "remaining_s": queue.remaining_s(per_minute),
        "failed": throughput.list_without_effect(),
    }


def _latest_runs() -> list[RunView] | None:
    """Return the latest runs; None if the key may not read runs."""
    if not any(map(g.may, READING_RUNS)):
        return None
    with open_transaction(pool(), g.workspace_id) as tx:
        return view_runs(tx, list_merge_runs(tx, matching=MergeRunFilter(), limit=LATEST_RUNS).runs)
