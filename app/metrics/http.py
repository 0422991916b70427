"""The front door's metrics."""

from app.metrics.instruments import Counter, Histogram, every
from schemas.outcomes import JobKind

#: Seconds that an answer may take; fine where clients feel it, and around the second that an alert asks about.
LATENCIES_S = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
#: Series of answers: methods and routes, each with the classes of status that it was seen to have.
SERIES = 800
CLASSES = ("2xx", "3xx", "4xx", "5xx")
#: Stands for the method and the route of requests that no route takes, whatever they ask for.
UNROUTED = ("other", "none")
STATUSES = [
    str(status)
    for status in (200, 201, 202, 204, 302, 303, 304, 400, 401, 403, 404, 405, 409, 410, 411, 412, 413, 414, 415, 422)
]
STATUSES += ["429", "500", "501", "502", "503", "504", "other"]

REQUESTS = Counter(
    "mergelane_http_requests",
    "Requests that the front door has answered, by status.",
    labels=("status",),
    series=every(STATUSES),
    capacity=len(STATUSES),
)
LATENCY = Histogram(
    "mergelane_http_request_duration_seconds",
    "Seconds from a request to its answer, without those that it waited on purpose (Prefer: wait).",
    labels=("method", "route", "status"),
    bounds=LATENCIES_S,
    capacity=SERIES,
)
ACCEPTED_JOBS = Counter(
    "mergelane_accepted_jobs",
    "Jobs that were made durable.",
    labels=("kind",),
    series=every(JobKind),
)
SHED_REQUESTS = Counter("mergelane_shed_requests", "Requests refused because too many jobs of their workspace waited.")
LIMITED_REQUESTS = Counter(
    "mergelane_rate_limited_requests", "Requests refused because their workspace had used up its rate limit."
)
UNCOUNTED_REQUESTS = Counter(
    "mergelane_rate_limits_uncounted_requests",
    "Requests let in uncounted because the Redis that keeps the rate limits did not answer.",
)

DOOR = (REQUESTS, LATENCY, ACCEPTED_JOBS, SHED_REQUESTS, LIMITED_REQUESTS, UNCOUNTED_REQUESTS)


def count_answer(*, method: str, route: str | None, status: int, seconds: float) -> None:
    """Count an answer; *route* is the URL's rule, None where there was none."""
    exact = str(status) if REQUESTS.knows((str(status),)) else "other"
    REQUESTS.add(1, exact)
    wanted = UNROUTED if route is None or not LATENCY.knows((method, route, "2xx")) else (method, route)
    LATENCY.observe(seconds, *wanted, f"{status // 100}xx")


def declare_routes(routes: list[tuple[str, str]]) -> None:
    """Make room for the answers of *routes*, each a method and a URL's rule, in an order that all processes know."""
    LATENCY.declare((method, route, kind) for method, route in [UNROUTED, *sorted(routes)] for kind in CLASSES)
