"""Metrics of the relay."""

from app.metrics.instruments import Counter, Gauge, label_combinations
from app.metrics.services import ServiceMetrics

SERVICES = ServiceMetrics.of_process(
    "relay",
    [
        "relay",
        "rescue",
        "cancel",
        "prune",
        "analysis",
        "duplicates",
        "runs",
        "recomputation",
        "erasure",
        "identities",
        "replies",
        "sums",
    ],
)

PUBLISHED_LANES = Counter("mergelane_published_lanes", "Messages published, each with one or several lanes.")
PUBLISHED_JOBS = Counter("mergelane_published_jobs", "Jobs published.")
BROKER_MESSAGES = Gauge("mergelane_broker_messages", "Messages waiting in the broker when the relay last counted.")
BROKER_GOAL = Gauge("mergelane_broker_messages_goal", "Messages that the relay currently lets wait in the broker.")
RESCUED = Counter(
    "mergelane_rescued_jobs",
    "Jobs requeued because their message (lost) or their worker (stranded) was gone.",
    labels=("cause",),
    series=label_combinations(["lost", "stranded"]),
)
RESCUED_DEAD = Counter("mergelane_rescued_jobs_dead", "Jobs declared dead after too many stalled attempts.")
CANCELLED = Counter("mergelane_relay_cancelled_jobs", "Jobs of cancelled queues that got their outcome.")
PRUNED = Counter(
    "mergelane_pruned_rows",
    "Rows deleted after their retention time, by kind.",
    labels=("kind",),
    series=label_combinations(
        [
            "batch",
            "plan",
            "run",
            "audit_entry",
            "idempotency_key",
            "notice",
            "sign_in",
            "key_change",
            "identity_change",
            "job_minute",
        ]
    ),
)
IDENTITY_CHANGES = Counter("mergelane_identity_changes", "Changes numbered for the identity feed.")

RELAY = (
    PUBLISHED_LANES,
    PUBLISHED_JOBS,
    BROKER_MESSAGES,
    BROKER_GOAL,
    RESCUED,
    RESCUED_DEAD,
    CANCELLED,
    PRUNED,
    IDENTITY_CHANGES,
    *SERVICES.instruments,
)
