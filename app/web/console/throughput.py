"""Throughput and backlog of the last hour or day, as charts and as a table."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from time import monotonic

from flask import Blueprint, current_app, g, render_template, request
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError

from app.db.transaction import open_transaction
from app.ledger.throughput import Period, Stretch, read_throughput
from app.web.auth import POLLING
from app.web.console.auth import signed_in
from app.web.console.charts import TONE_NAMES, count_by_tone, draw_chart, time_of_day
from app.web.resources import pool
from schemas.outcomes import JobState, Outcome

blueprint = Blueprint("throughput", __name__)

NAME = "mergelane-throughput"
#: Seconds for which what was read holds, at least and at most; in between, so many times as long as reading it took.
LEAST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 300.0
PAUSE_TO_LOOK = 50
#: Seconds after which the browser reloads the charts.
AGAIN_AFTER_S = 10
PERIODS = {period.name.lower(): period for period in Period}
PERIOD = f"'period' must be one of {', '.join(PERIODS)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was read, and until when it holds."""

    stretches: Sequence[Stretch]
    read_at: datetime
    holds_until: float


class Looks:
    """What this process has read of each workspace: reading costs as much as the workspace does, so it is shared."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """Tell the time by *clock*, in seconds."""
        self._clock = clock
        self._lock = Lock()
        self._looks: dict[tuple[int, Period], Look] = {}

    def get(self, workspace_id: int, period: Period, read: Callable[[datetime], Sequence[Stretch]]) -> Look:
        """Return what *read* returns for now, or returned a moment ago."""
        known = self._looks.get((workspace_id, period))
        began = self._clock()
        if known is not None and began < known.holds_until:
            return known
        now = datetime.now(UTC)
        stretches = read(now)
        ended = self._clock()
        pause = min(max(LEAST_PAUSE_S, PAUSE_TO_LOOK * (ended - began)), LONGEST_PAUSE_S)
        look = Look(stretches=stretches, read_at=now, holds_until=ended + pause)
        with self._lock:
            # Those that hold no longer make room: there is one for each workspace that somebody looks at.
            kept = {key: each for key, each in self._looks.items() if each.holds_until > ended}
            self._looks = {**kept, (workspace_id, period): look}
        return look


@blueprint.get("/throughput")
@signed_in(permission=POLLING)
def throughput_page() -> ResponseReturnValue:
    """Show the last hour, or with `?period=day` the last day; a visible page reloads its charts."""
    period_name = request.args.get("period", "hour")
    if period_name not in PERIODS:
        raise ValidationError(PERIOD)
    period, workspace_id = PERIODS[period_name], g.workspace_id

    def read(now: datetime) -> Sequence[Stretch]:
        with open_transaction(pool(), workspace_id, snapshot=True) as tx:
            return read_throughput(tx, period=period, now=now)

    look = looks().get(workspace_id, period, read)
    is_part = "HX-Request" in request.headers
    return render_template(
        "throughput_part.html" if is_part else "throughput.html",
        is_part=is_part,
        buckets=look.stretches,
        read_at=look.read_at,
        chart=draw_chart(look.stretches),
        totals=_totals(look.stretches),
        periods=PERIODS,
        period_name=period_name,
        minutes=int(period.stretch.total_seconds() // 60),
        count_by_tone=count_by_tone,
        tone_names=TONE_NAMES,
        time_of_day=time_of_day,
        again_after=AGAIN_AFTER_S,
    )


def looks() -> Looks:
    """Return what this application has read."""
    known: Looks = current_app.extensions.setdefault(NAME, Looks())
    return known


def _totals(stretches: Sequence[Stretch]) -> list[tuple[Outcome | JobState, int]]:
    """Return the number of jobs by outcome, or by state for dead ones, highest first."""
    totals: Counter[Outcome | JobState] = Counter()
    for stretch in stretches:
        for outcome, jobs in stretch.settled.items():
            totals[outcome or JobState.DEAD] += jobs
    return totals.most_common()
