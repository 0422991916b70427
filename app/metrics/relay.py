"""The relay's metrics."""

from app.metrics.instruments import Counter, Gauge, Latest, label_combinations

SERVICES = ("relay", "rescue", "prune", "analysis")

PUBLISHED_LANES = Counter("mergelane_published_lanes", "Messages that were published, each with a lane or several.")
PUBLISHED_JOBS = Counter("mergelane_published_jobs", "Jobs that were published.")
BROKER_MESSAGES = Gauge("mergelane_broker_messages", "Messages that waited in the broker when the relay looked last.")
BROKER_GOAL = Gauge("mergelane_broker_messages_goal", "Messages that the relay lets wait in the broker at its pace.")
RESCUED = Counter(
    "mergelane_rescued_jobs",
    "Jobs that the rescue put back because their message (lost) or their worker (stranded) was gone.",
    labels=("cause",),
    series=label_combinations(["lost", "stranded"]),
)
RESCUED_DEAD = Counter("mergelane_rescued_jobs_dead", "Jobs that the rescue declared dead: stranded too often.")
PRUNED = Counter(
    "mergelane_pruned_rows",
    "Rows of each kind that were deleted after their time.",
    labels=("kind",),
    series=label_combinations(["batch", "audit_entry", "idempotency_key", "notice", "sign_in"]),
)
ROUNDS = Counter(
    "mergelane_relay_rounds",
    "Rounds of the relay's services.",
    labels=("service",),
    series=label_combinations(SERVICES),
)
FAILED_ROUNDS = Counter(
    "mergelane_relay_rounds_failed",
    "Rounds of the relay's services that came to nothing because PostgreSQL or the broker was away.",
    labels=("service",),
    series=label_combinations(SERVICES),
)
LAST_ROUND = Latest(
    "mergelane_relay_last_round_timestamp_seconds",
    "When a service of the relay last ended a round well, in seconds since the epoch.",
    labels=("service",),
    series=label_combinations(SERVICES),
)

RELAY = (
    PUBLISHED_LANES,
    PUBLISHED_JOBS,
    BROKER_MESSAGES,
    BROKER_GOAL,
    RESCUED,
    RESCUED_DEAD,
    PRUNED,
    ROUNDS,
    FAILED_ROUNDS,
    LAST_ROUND,
)
