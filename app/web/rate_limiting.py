"""Rate limits at the door: each request is counted for its workspace, and every answer tells where the count stands.

An answer to nobody in particular (no valid key, an unknown URL, an endpoint that takes no key) has no count to tell.
"""

import logging
from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus

from flask import Flask, Response, current_app, g, request

from app.config import Settings
from app.errors import Rejected
from app.metrics.http import LIMITED_REQUESTS
from app.rates.buckets import Bucket, Limit, override_limits
from app.rates.windows import FixedWindowLimiter, LimitStatus

LOG = logging.getLogger(__name__)
NAME = "mergelane-rates"

#: The bucket of each URL that does not count as other.
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
    """The workspace has used up its requests of this window."""

    status = HTTPStatus.TOO_MANY_REQUESTS


class Limiting:
    """The limits of one application, and where its requests are counted."""

    def __init__(self, settings: Settings) -> None:
        self.windows = FixedWindowLimiter(settings.rate_limit_url or settings.broker_url)
        self._limits = settings.rate_limits

    def limit(self, path: str, own: tuple[Limit, ...]) -> Limit:
        """Return the limit of the URL rule *path* for a workspace that has the limits *own*."""
        return _by_bucket(self._limits, own)[BUCKETS.get(path, Bucket.OTHER)]


def register(flask: Flask, settings: Settings) -> None:
    """Have the requests to *flask* counted, and its answers tell the count."""
    flask.extensions[NAME] = limiting = Limiting(settings)
    if not limiting.windows.shared:
        LOG.info("Requests are counted by each process for itself: neither broker nor rate_limit_url is a Redis")
    flask.after_request(tell)


def limiting_of(flask: Flask) -> Limiting:
    """Return the limits of *flask*."""
    limiting: Limiting = flask.extensions[NAME]
    return limiting


def take(*, workspace_id: int, own: tuple[Limit, ...]) -> None:
    """Count this request for the workspace, which has the limits *own*; raise TooManyRequests when it is one too many.

    Whoever is refused is counted too, which changes nothing: the window ends when the clock says so.
    """
    limiting = limiting_of(current_app)
    limit = limiting.limit(request.url_rule.rule if request.url_rule else "", own)
    g.reading = limiting.windows.count_request(limit, workspace_id=workspace_id)
    if g.reading.refused:
        LIMITED_REQUESTS.inc()
        raise TooManyRequests(
            f"Too many requests: in {limit.seconds:,} seconds this endpoint, with those that share its limit, takes"
            f" {limit.requests:,} from a workspace. Try again in {g.reading.retry_after:,} seconds."
        )


def tell(response: Response) -> Response:
    """Put the count into the headers of *response*, in the vendor's names."""
    reading: LimitStatus | None = g.get("reading")
    if reading is not None:
        response.headers["X-RateLimit-Limit"] = str(reading.limit.requests)
        response.headers["X-RateLimit-Remaining"] = str(reading.remaining)
        response.headers["X-RateLimit-Reset"] = str(reading.resets_at)
        if reading.refused:
            response.headers["Retry-After"] = str(reading.retry_after)
    return response


@lru_cache(maxsize=1_024)
def _by_bucket(limits: tuple[Limit, ...], own: tuple[Limit, ...]) -> Mapping[Bucket, Limit]:
    """Return *limits* with those of *own* in their place, by bucket."""
    return {limit.bucket: limit for limit in override_limits(limits, own)}
