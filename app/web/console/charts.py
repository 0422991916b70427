"""Coordinates and texts of the throughput charts, which are SVG. The page scales a chart to its width."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.ledger.throughput import ChartPeriod, TimeBucket
from app.web.console.progress import Tone, tone_of
from schemas.outcomes import JobState

#: Size of a chart in SVG units.
WIDTH, HEIGHT = 1000, 100
#: Share of a bucket's width between its bar and the next one.
GAP = 0.2
#: Intervals between the labels of the time axis.
TIME_TICKS = 4
#: The segments of a bar from the bottom up, each with its entry in the legend.
TONE_NAMES: Mapping[Tone, str] = {
    Tone.GOOD: "Merged, identified or undone",
    Tone.PART: "Undone in part",
    Tone.NONE: "No effect",
    Tone.BAD: "Dead",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A segment of a bucket's bar: the jobs of one tone."""

    tone: Tone
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A period: bars for jobs that ended, a line for unfinished jobs, and the maximum of each scale."""

    bars: Sequence[Bar]
    ended_top: int
    #: Points of the line in SVG syntax; *area* also has the corners at the bottom.
    line: str
    area: str
    unfinished_top: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """The place of a bucket in the charts, and its texts."""

    x: float
    width: float
    ended: str
    unfinished: str


def count_by_tone(bucket: TimeBucket) -> dict[Tone, int]:
    """Return the number of jobs of each tone that ended in *bucket*."""
    counts = dict.fromkeys(TONE_NAMES, 0)
    for outcome, jobs in bucket.settled.items():
        counts[tone_of(outcome or JobState.DEAD)] += jobs
    return counts


def draw_chart(buckets: Sequence[TimeBucket]) -> Chart:
    """Return the chart of *buckets*, oldest first."""
    ended_top = round_up(max((bucket.ended for bucket in buckets), default=0))
    unfinished_top = round_up(max((bucket.unfinished for bucket in buckets), default=0))
    step = WIDTH / len(buckets)
    bars = [bar for nth, bucket in enumerate(buckets) for bar in _bars(bucket, nth * step, step, ended_top)]
    points = _steps(buckets, step, unfinished_top)
    return Chart(
        bars=bars,
        ended_top=ended_top,
        line=points,
        area=f"0,{HEIGHT} {points} {WIDTH},{HEIGHT}",
        unfinished_top=unfinished_top,
    )


def round_up(most: int) -> int:
    """Return the maximum of a scale that includes *most*: 1, 2 or 5 times a power of ten, at least 1."""
    power = 1
    while power * 10 <= most:
        power *= 10
    return next(top for factor in (1, 2, 5, 10) if (top := factor * power) >= most)


def list_columns(buckets: Sequence[TimeBucket], period: ChartPeriod) -> list[Column]:
    """Return the columns of the chart of *buckets* with the texts that a browser shows when it hovers over them."""
    step = WIDTH / len(buckets)
    return [
        Column(
            x=round(nth * step, 2),
            width=round(step, 2),
            ended=_describe_ended(bucket, period),
            unfinished=_describe_unfinished(bucket, period),
        )
        for nth, bucket in enumerate(buckets)
    ]


def list_time_ticks(buckets: Sequence[TimeBucket], period: ChartPeriod) -> list[str]:
    """Return the labels of the time axis, at equal distances, from the start of the first bucket to now."""
    length = len(buckets) * period.bucket
    form = "%d %b %H:%M" if period is ChartPeriod.WEEK else "%H:%M"
    starts_at = buckets[0].begins_at.astimezone(UTC)
    return [f"{starts_at + length * nth / TIME_TICKS:{form}}" for nth in range(TIME_TICKS)] + ["now"]


def format_begin(moment: datetime, period: ChartPeriod) -> str:
    """Return the start of a bucket in UTC, with the date where a period has several days."""
    form = "%H:%M" if period is ChartPeriod.HOUR else "%d %b %H:%M"
    return f"{moment.astimezone(UTC):{form}}"


def format_length(length: timedelta) -> str:
    """Return the length of a bucket in words."""
    minutes = int(length.total_seconds() // 60)
    names = {1: "minute", 60: "hour"}
    return names.get(minutes) or (f"{minutes // 60} hours" if minutes % 60 == 0 else f"{minutes} minutes")


def _describe_ended(bucket: TimeBucket, period: ChartPeriod) -> str:
    tones = ", ".join(f"{jobs:,} {TONE_NAMES[tone].lower()}" for tone, jobs in count_by_tone(bucket).items() if jobs)
    span = f"{format_begin(bucket.begins_at, period)} to {_end(bucket, period)}"
    return f"{span}: {tones or 'no job ended'}; {bucket.accepted:,} accepted"


def _describe_unfinished(bucket: TimeBucket, period: ChartPeriod) -> str:
    """Return the number at the end of *bucket*, with that moment."""
    return f"{format_begin(bucket.begins_at + period.bucket, period)}: {bucket.unfinished:,} waiting or running"


def _end(bucket: TimeBucket, period: ChartPeriod) -> str:
    return f"{(bucket.begins_at + period.bucket).astimezone(UTC):%H:%M}"


def _bars(bucket: TimeBucket, x: float, step: float, top: int) -> list[Bar]:
    """Return the segments of the bar of *bucket*, from the bottom up."""
    segments: list[Bar] = []
    y = float(HEIGHT)
    for tone, jobs in count_by_tone(bucket).items():
        if jobs:
            height = HEIGHT * jobs / top
            y -= height
            width = round(step * (1 - GAP), 2)
            segments.append(Bar(tone=tone, x=round(x, 2), y=round(y, 2), width=width, height=round(height, 2)))
    return segments


def _steps(buckets: Sequence[TimeBucket], step: float, top: int) -> str:
    """Return the points of the line: level in each bucket, at the number of unfinished jobs at its end."""
    points: list[str] = []
    for nth, bucket in enumerate(buckets):
        y = round(HEIGHT - HEIGHT * bucket.unfinished / top, 2)
        points += [f"{round(nth * step, 2):g},{y:g}", f"{round((nth + 1) * step, 2):g},{y:g}"]
    return " ".join(points)
