"""Metrics of reading from a standby."""

from app.metrics.instruments import Counter, label_combinations

READS = Counter(
    "mergelane_replica_reads",
    "Queries for the standby of DATABASE_REPLICA_URL: it answered (replica), lagged behind (behind), did not answer or"
    " is no standby of this installation (away), or cancelled the query to replay a change (conflict). The primary"
    " answers all but the first.",
    labels=("result",),
    series=label_combinations(["replica", "behind", "away", "conflict"]),
)
