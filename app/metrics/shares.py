"""Metrics of the shares of workspaces in a web process."""

from enum import StrEnum

from app.metrics.instruments import Counter, Gauge, label_combinations


class Resource(StrEnum):
    """What workspaces share in a web process."""

    THREADS = "threads"
    CONNECTIONS = "connections"
    QUERIES = "queries"
    EXPORTS = "exports"
    IMPORTS = "imports"


USED = Gauge(
    "mergelane_shares_used",
    "Threads, connections, queries, exports and imports that requests use now.",
    labels=("resource",),
    series=label_combinations(Resource),
)
REFUSED = Counter(
    "mergelane_share_refusals",
    "Requests refused because their workspace used its whole share.",
    labels=("resource",),
    series=label_combinations(Resource),
)

SHARES = (USED, REFUSED)
