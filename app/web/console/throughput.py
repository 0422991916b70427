"""Throughput and backlog of the last hour or day, as charts and as a table."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, current_app, g, render_template, request
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError

from app.adaptive_cache import AdaptiveCache
from app.db.transaction import open_transaction
from app.ledger.throughput import ChartPeriod, TimeBucket, read_throughput
from app.web.auth import POLLING
from app.web.console.auth import signed_in
from app.web.console.charts import TONE_NAMES, count_by_tone, draw_chart, time_of_day
from app.web.resources import pool
from schemas.outcomes import JobState, Outcome

blueprint = Blueprint("throughput", __name__)

NAME = "mergelane-throughput"
#: Seconds for which buckets are kept, at least and at most.
SHORTEST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 300.0
#: Seconds after which the browser reloads the charts.
AGAIN_AFTER_S = 10
PERIODS = {period.name.lower(): period for period in ChartPeriod}
PERIOD = f"'period' must be one of {', '.join(PERIODS)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The buckets of a period, and when they were read."""

    buckets: Sequence[TimeBucket]
    read_at: datetime


#: What this process has read of each workspace: a read costs as much as the workspace does, so clients share it.
ReadingCache = AdaptiveCache[tuple[int, ChartPeriod], Reading]


@blueprint.get("/throughput")
@signed_in(permission=POLLING)
def throughput_page() -> ResponseReturnValue:
    """Show the last hour, or with `?period=day` the last day; a visible page reloads its charts."""
    period_name = request.args.get("period", "hour")
    if period_name not in PERIODS:
        raise ValidationError(PERIOD)
    period, workspace_id = PERIODS[period_name], g.workspace_id

    def read() -> Reading:
        with open_transaction(pool(), workspace_id, snapshot=True) as tx:
            now = tx.now()
            return Reading(buckets=read_throughput(tx, period=period, now=now), read_at=now)

    key = workspace_id, period
    reading = reading_cache().get(key, read)
    is_part = "HX-Request" in request.headers
    return render_template(
        "throughput_part.html" if is_part else "throughput.html",
        is_part=is_part,
        buckets=reading.buckets,
        read_at=reading.read_at,
        chart=draw_chart(reading.buckets),
        totals=_totals(reading.buckets),
        periods=PERIODS,
        period_name=period_name,
        minutes=int(period.bucket.total_seconds() // 60),
        count_by_tone=count_by_tone,
        tone_names=TONE_NAMES,
        time_of_day=time_of_day,
        again_after=AGAIN_AFTER_S,
    )


def reading_cache() -> ReadingCache:
    """Return the cache of this application."""
    new = ReadingCache(shortest_s=SHORTEST_PAUSE_S, longest_s=LONGEST_PAUSE_S, drop_when_due=True)
    cache: ReadingCache = current_app.extensions.setdefault(NAME, new)
    return cache


def _totals(buckets: Sequence[TimeBucket]) -> list[tuple[Outcome | JobState, int]]:
    """Return the number of jobs by outcome, or by state for dead ones, highest first."""
    totals: Counter[Outcome | JobState] = Counter()
    for bucket in buckets:
        for outcome, jobs in bucket.settled.items():
            totals[outcome or JobState.DEAD] += jobs
    return totals.most_common()
