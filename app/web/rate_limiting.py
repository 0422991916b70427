"""Rate limits: each request counts for its workspace, and every response has the vendor's rate limit headers.

Responses without a workspace (no valid key, an unknown URL, an endpoint without a key) have none.
"""

import logging
from collections.abc import Callable, Mapping
from functools import lru_cache
from http import HTTPStatus

from flask import Flask, Response, current_app, g, request

from app.config import Settings
from app.db.clock import SERVER_CLOCK
from app.errors import Rejected
from app.metrics.http import LIMITED_REQUESTS
from app.rates.buckets import Bucket, Limit, override_limits
from app.rates.windows import FixedWindowLimiter, LimitStatus
from app.web.resources import resources_of

LOG = logging.getLogger(__name__)
NAME = "mergelane-rates"

#: The bucket of each URL that is not in Bucket.OTHER.
BUCKETS: Mapping[str, Bucket] = {
    "/users/alias/new": Bucket.USERS,
    "/users/alias/update": Bucket.USERS,
    "/users/delete": Bucket.USERS,
    "/users/identify": Bucket.USERS,
    "/users/merge": Bucket.USERS,
    "/users/track": Bucket.TRACK,
    "/users/export/ids": Bucket.EXPORT,
    "/users/external_ids/rename": Bucket.RENAME,
    "/users/external_ids/remove": Bucket.REMOVE,
}


class TooManyRequests(Rejected):
    """The workspace has used its requests of this window."""

    status = HTTPStatus.TOO_MANY_REQUESTS


class RequestLimiter:
    """The limits of one application and its request counts."""

    def __init__(self, settings: Settings, installation: Callable[[], str]) -> None:
        url = settings.rate_limit_url or settings.broker_url
        self.windows = FixedWindowLimiter(url, installation=installation, clock=SERVER_CLOCK.now)
        self._limits = settings.rate_limits

    def limit(self, path: str, own: tuple[Limit, ...]) -> Limit:
        """Return the limit of the URL rule *path* for a workspace with the limits *own*."""
        return _by_bucket(self._limits, own)[BUCKETS.get(path, Bucket.OTHER)]


def register_rate_limits(flask: Flask, settings: Settings) -> None:
    flask.extensions[NAME] = limiter = RequestLimiter(settings, resources_of(flask).installation_name)
    if not limiter.windows.shared:
        LOG.info("rate_limits_per_process")
    flask.after_request(add_rate_limit_headers)


def limiter_of(flask: Flask) -> RequestLimiter:
    limiter: RequestLimiter = flask.extensions[NAME]
    return limiter


def count_request(*, workspace_id: int, own: tuple[Limit, ...]) -> None:
    """Count this request for the workspace, whose own limits are *own*; raise TooManyRequests above the limit.

    Refused requests count too, which has no effect: a window ends by the clock.
    """
    limiter = limiter_of(current_app)
    limit = limiter.limit(request.url_rule.rule if request.url_rule else "", own)
    g.limit_status = limiter.windows.count_request(limit, workspace_id=workspace_id)
    if g.limit_status.refused:
        LIMITED_REQUESTS.inc()
        raise TooManyRequests(
            f"Too many requests: in {limit.seconds:,} seconds this endpoint and the others with this limit take"
            f" {limit.requests:,} from a workspace. Try again in {g.limit_status.retry_after:,} seconds."
        )


def add_rate_limit_headers(response: Response) -> Response:
    """Add the vendor's rate limit headers to *response*."""
    limit_status: LimitStatus | None = g.get("limit_status")
    if limit_status is not None:
        response.headers["X-RateLimit-Limit"] = str(limit_status.limit.requests)
        response.headers["X-RateLimit-Remaining"] = str(limit_status.remaining)
        response.headers["X-RateLimit-Reset"] = str(limit_status.resets_at)
        if limit_status.refused:
            response.headers["Retry-After"] = str(limit_status.retry_after)
    return response


@lru_cache(maxsize=1_024)
def _by_bucket(limits: tuple[Limit, ...], own: tuple[Limit, ...]) -> Mapping[Bucket, Limit]:
    """Return *limits* by bucket, replaced by those of *own*."""
    return {limit.bucket: limit for limit in override_limits(limits, own)}
