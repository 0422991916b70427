"""Throughput and backlog of the last hour, day or week, as charts and as a table."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, current_app, g, render_template, request
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError

from app.adaptive_cache import AdaptiveCache
from app.db.transaction import open_transaction
from app.ledger.throughput import ChartPeriod, TimeBucket, read_throughput
from app.web.auth import POLLING
from app.web.console.auth import signed_in
from app.web.console.charts import (
    TONE_NAMES,
    count_by_tone,
    draw_chart,
    format_begin,
    format_length,
    list_columns,
    list_time_ticks,
)
from app.web.console.progress import Tone, tone_of
from app.web.resources import pool
from schemas.outcomes import JobState, Outcome

blueprint = Blueprint("throughput", __name__)

NAME = "mergelane-throughput"
#: Seconds for which buckets are kept, at least and at most.
SHORTEST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 300.0
#: Seconds after which the browser reloads the charts.
AGAIN_AFTER_S = 10
#: Minutes over which the rate is measured that predicts the end of the queue.
RECENT_MINUTES = 5
DEFAULT_PERIOD = "hour"
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
    """Show the last hour, or with `?period=` the last day or week; a visible page reloads its charts."""
    is_part = "HX-Request" in request.headers
    return render_template(
        "throughput_part.html" if is_part else "throughput.html",
        is_part=is_part,
        **chart_context(request.args.get("period", DEFAULT_PERIOD)),
    )


def chart_context(period_name: str) -> dict[str, Any]:
    """Return the template context of the charts and their table. Raises ValidationError for an unknown period."""
    if period_name not in PERIODS:
        raise ValidationError(PERIOD)
    period = PERIODS[period_name]
    reading = _read(period)
    return {
        "buckets": reading.buckets,
        "read_at": reading.read_at,
        "chart": draw_chart(reading.buckets),
        "columns": list_columns(reading.buckets, period),
        "time_ticks": list_time_ticks(reading.buckets, period),
        "totals": _totals(reading.buckets),
        "periods": PERIODS,
        "period": period,
        "period_name": period_name,
        "bucket_name": format_length(period.bucket),
        "count_by_tone": count_by_tone,
        "tone_names": TONE_NAMES,
        "format_begin": format_begin,
        "charts_again_after": AGAIN_AFTER_S,
    }


def jobs_per_minute() -> tuple[int, float]:
    """Return the jobs that ended in the last whole minute, and in one of the last five on average."""
    recent = [bucket.ended for bucket in _read(ChartPeriod.HOUR).buckets[-RECENT_MINUTES - 1 : -1]]
    return recent[-1], sum(recent) / RECENT_MINUTES


def list_without_effect() -> list[tuple[Outcome, int]]:
    """Return the outcomes without effect of the last hour with their numbers of jobs, highest first."""
    totals = _totals(_read(ChartPeriod.HOUR).buckets)
    return [(of, jobs) for of, jobs in totals if isinstance(of, Outcome) and tone_of(of) is Tone.NONE]


def _read(period: ChartPeriod) -> Reading:
    workspace_id = g.workspace_id

    def read() -> Reading:
        with open_transaction(pool(), workspace_id, snapshot=True) as tx:
            now = tx.now()
            return Reading(buckets=read_throughput(tx, period=period, now=now), read_at=now)

    return reading_cache().get((workspace_id, period), read)


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
