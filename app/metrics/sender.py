"""Metrics of the sender. Each kind of process has a file with its metrics, since it counts no others."""

from app.metrics.instruments import Counter, label_combinations
from app.metrics.services import ServiceMetrics
from schemas.webhooks import NoticeState

SERVICES = ServiceMetrics.of_process("sender", ["watching", "sending"])

FINISHED_BATCHES = Counter(
    "mergelane_watched_batches_finished", "Finished batches that became notices for the webhooks of their workspace."
)
DELIVERY_ATTEMPTS = Counter(
    "mergelane_webhook_attempts",
    "Attempts to send a notice, by its state afterwards: sent, waiting (tried again later), dead, or superseded.",
    labels=("next",),
    series=label_combinations([*NoticeState, "superseded"]),
)

SENDER = (FINISHED_BATCHES, DELIVERY_ATTEMPTS, *SERVICES.instruments)
