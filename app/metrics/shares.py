"""Metrics of the shares of workspaces in a web process."""

from enum import StrEnum

from app.metrics.instruments import Counter, Gauge, label_combinations


class Resource(StrEnum):
    """What workspaces share in a web process."""

    THREADS = "threads"
    #: Requests that work, and neither wait for a batch nor send an export.
    RUNNING = "running"
    CONNECTIONS = "connections"
    QUERIES = "queries"
    EXPORTS = "exports"
    IMPORTS = "imports"


USED = Gauge(
    "mergelane_shares_used",
    "Threads, running requests, connections, queries, exports and imports that workspaces use now.",
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
