"""Throughput and backlog, drawn over the last hour or day, and told as a table of the same figures."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Blueprint, current_app, g, render_template, request
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError

from app.adaptive_cache import AdaptiveCache
from app.db.transaction import open_transaction
from app.ledger.throughput import ChartPeriod, TimeBucket, read_throughput
from app.web.auth import POLLING
from app.web.console.auth import signed_in
from app.web.console.charts import NAMES, clock, draw, tones
from app.web.resources import pool
from schemas.outcomes import JobState, Outcome

blueprint = Blueprint("throughput", __name__)

NAME = "mergelane-throughput"
#: Seconds for which buckets are kept, at least and at most.
SHORTEST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 300.0
#: Seconds after which the browser asks again.
AGAIN_AFTER_S = 10
PERIODS = {period.name.lower(): period for period in ChartPeriod}
PERIOD = f"'period' must be one of {', '.join(PERIODS)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The buckets of a period, and when they were read."""

    buckets: Sequence[TimeBucket]
    read_at: datetime


#: What this process has read of each workspace: a read costs as much as the workspace does, so clients share it.
Readings = AdaptiveCache[tuple[int, ChartPeriod], Reading]


@blueprint.get("/throughput")
@signed_in(permission=POLLING)
def page() -> ResponseReturnValue:
    """Show the last hour, or with `?period=day` the last day; the browser asks for it again while it is looked at."""
    wanted = request.args.get("period", "hour")
    if wanted not in PERIODS:
        raise ValidationError(PERIOD)
    period, workspace_id = PERIODS[wanted], g.workspace_id

    def read() -> Reading:
        now = datetime.now(UTC)
        with open_transaction(pool(), workspace_id, snapshot=True) as tx:
            return Reading(buckets=read_throughput(tx, period=period, now=now), read_at=now)

    key = workspace_id, period
    reading = readings().get(key, read)
    is_part = "HX-Request" in request.headers
    return render_template(
        "throughput_part.html" if is_part else "throughput.html",
        is_part=is_part,
        stretches=reading.buckets,
        read_at=reading.read_at,
        chart=draw(reading.buckets),
        totals=_totals(reading.buckets),
        periods=PERIODS,
        wanted=wanted,
        minutes=int(period.bucket.total_seconds() // 60),
        tones=tones,
        names=NAMES,
        clock=clock,
        again_after=AGAIN_AFTER_S,
    )


def readings() -> Readings:
    """Return the cache of this application."""
    new = Readings(shortest_s=SHORTEST_PAUSE_S, longest_s=LONGEST_PAUSE_S, drop_when_due=True)
    cache: Readings = current_app.extensions.setdefault(NAME, new)
    return cache


def _totals(buckets: Sequence[TimeBucket]) -> list[tuple[Outcome | JobState, int]]:
    """Return how many jobs ended in which way in all *buckets*, the most frequent first; dead ones by their state."""
    totals: Counter[Outcome | JobState] = Counter()
    for bucket in buckets:
        for outcome, jobs in bucket.settled.items():
            totals[outcome or JobState.DEAD] += jobs
    return totals.most_common()
