"""Metrics of web."""

from app.metrics.instruments import Counter, Histogram, label_combinations
from schemas.outcomes import JobKind
from schemas.profile_imports import ImportResult

#: Bounds in seconds, finest below 0.1 s and around 1 s, where the alert is.
LATENCIES_S = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
#: Series for durations: one for each method, route and class of status.
SERIES = 1_600
CLASSES = ("2xx", "3xx", "4xx", "5xx")
#: Method and route of a request that matches no route.
UNROUTED = ("other", "none")
STATUSES = [
    str(status)
    for status in (200, 201, 202, 204, 302, 303, 304, 400, 401, 403, 404, 405, 409, 410, 411, 412, 413, 414, 415, 422)
]
STATUSES += ["429", "500", "501", "502", "503", "504", "other"]

REQUESTS = Counter(
    "mergelane_http_requests",
    "Requests answered, by status.",
    labels=("status",),
    series=label_combinations(STATUSES),
    capacity=len(STATUSES),
)
LATENCY = Histogram(
    "mergelane_http_request_duration_seconds",
    "Seconds from a request to its response, without the wait that the client requested (Prefer: wait).",
    labels=("method", "route", "status"),
    bounds=LATENCIES_S,
    capacity=SERIES,
)
ACCEPTED_JOBS = Counter(
    "mergelane_accepted_jobs",
    "Jobs accepted.",
    labels=("kind",),
    series=label_combinations(JobKind),
)
IMPORTED_PROFILES = Counter(
    "mergelane_imported_profiles",
    "Lines of imports of profiles, by result.",
    labels=("result",),
    series=label_combinations(ImportResult),
)
CANCELLED_JOBS = Counter("mergelane_cancelled_jobs", "Jobs cancelled one by one or as a batch.")
SHED_REQUESTS = Counter(
    "mergelane_shed_requests", "Requests refused because too many jobs of their workspace are pending."
)
LIMITED_REQUESTS = Counter(
    "mergelane_rate_limited_requests", "Requests refused because their workspace exceeded its rate limit."
)
UNCOUNTED_REQUESTS = Counter(
    "mergelane_rate_limits_uncounted_requests",
    "Requests accepted without a rate limit because its Redis did not answer.",
)

HTTP = (
    REQUESTS,
    LATENCY,
    ACCEPTED_JOBS,
    CANCELLED_JOBS,
    IMPORTED_PROFILES,
    SHED_REQUESTS,
    LIMITED_REQUESTS,
    UNCOUNTED_REQUESTS,
)


def count_response(*, method: str, route: str | None, status: int, seconds: float) -> None:
    """Count a response; *route* is the URL rule, or None when no route matched."""
    exact = str(status) if REQUESTS.knows((str(status),)) else "other"
    REQUESTS.inc(1, exact)
    series = UNROUTED if route is None or not LATENCY.knows((method, route, "2xx")) else (method, route)
    LATENCY.observe(seconds, *series, f"{status // 100}xx")


def declare_routes(routes: list[tuple[str, str]]) -> None:
    """Declare the series of *routes*, each a method and a URL rule. All processes must declare the same routes."""
    LATENCY.declare((method, route, kind) for method, route in [UNROUTED, *sorted(routes)] for kind in CLASSES)
