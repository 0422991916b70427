"""The alerts of the overview: what needs an operator, each as one sentence with the way out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flask import g, url_for

from app.ledger.overview import Count, QueueOverview
from app.system.processes import Process, running
from app.web.api.system import READ_SYSTEM
from app.web.console.durations import format_duration
from app.webhooks.failing import FailingWebhook
from schemas.system import BrokerState, ProcessKind

NO_WORKER = "No worker was seen in the last 35 seconds. Jobs wait until one starts."
NO_RELAY = "No relay was seen in the last 35 seconds. Jobs are not published until one starts."


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A sentence, and the page with the details; None where the key may open none."""

    sentence: str
    url: str | None
    link: str = ""
    #: Whether jobs stand still or are lost without an operator.
    is_grave: bool = True


def format_count(count: Count) -> str:
    """Return the number, or "more than 10,000"."""
    return f"more than {count.bound:,}" if count.is_more else f"{count.jobs:,}"


def list_alerts(
    queue: QueueOverview,
    processes: Sequence[Process],
    failing: Sequence[FailingWebhook],
    *,
    oldest_waiting_limit_s: float,
) -> list[Alert]:
    """Return the alerts, the grave ones first."""
    alerts = [
        *_of_processes(processes),
        *_of_queue(queue, oldest_waiting_limit_s),
        *(_of_webhook(webhook) for webhook in failing),
    ]
    return sorted(alerts, key=lambda alert: not alert.is_grave)


def _of_processes(processes: Sequence[Process]) -> Iterator[Alert]:
    system = url_for("console.system.system_page") if g.may(READ_SYSTEM) else None
    relays, workers = running(processes, ProcessKind.RELAY), running(processes, ProcessKind.WORKER)
    for missing, sentence in ((not relays, NO_RELAY), (not workers, NO_WORKER)):
        if missing:
            yield Alert(sentence=sentence, url=system, link="Processes")
    away = [process for process in (*relays, *workers) if process.broker is BrokerState.AWAY]
    if away:
        causes = ", ".join(sorted({process.broker_cause or "" for process in away}))
        all_of_them = len(relays) + len(workers)
        sentence = (
            f"The broker is away or refuses ({causes}), as {len(away)} of {all_of_them} relays and workers report."
            " Jobs wait, and none is lost."
        )
        yield Alert(sentence=sentence, url=system, link="Processes")


def _of_queue(queue: QueueOverview, oldest_waiting_limit_s: float) -> Iterator[Alert]:
    if queue.paused_at is not None:
        sentence = f"The queue is paused since {queue.paused_at:%Y-%m-%d %H:%M} UTC. No job begins until it is resumed."
        yield Alert(sentence=sentence, url=url_for("console.queue.queue_page"), link="Open the queue", is_grave=False)
    if queue.dead.jobs:
        verb = "job is" if queue.dead.jobs == 1 else "jobs are"
        sentence = f"{format_count(queue.dead).capitalize()} {verb} dead: all attempts failed."
        yield Alert(sentence=sentence, url=url_for("console.dead_jobs.dead_jobs_page"), link="See why, and retry")
    oldest = queue.oldest_waiting_s
    if oldest is not None and oldest > oldest_waiting_limit_s and queue.paused_at is None:
        sentence = (
            f"The oldest waiting job is {format_duration(oldest)} old; the limit is"
            f" {format_duration(oldest_waiting_limit_s)} (MERGELANE_WAITING_ALERT_S)."
        )
        yield Alert(
            sentence=sentence,
            url=url_for("console.jobs.job_list_page", state="queued"),
            link="Waiting jobs",
            is_grave=False,
        )


def _of_webhook(webhook: FailingWebhook) -> Alert:
    if webhook.disabled_reason is not None:
        sentence = f"The webhook {webhook.url} is disabled: {webhook.disabled_reason}"
    else:
        sentence = f"The webhook {webhook.url} fails: {webhook.last_error}"
    page = url_for("console.webhooks.webhook_page", webhook_id=webhook.id)
    return Alert(sentence=sentence, url=page, link="Webhook", is_grave=False)
