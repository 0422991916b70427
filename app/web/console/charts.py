"""Charts as drawings of the server's own: where each bar and the line lie in a frame that the page stretches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from app.ledger.throughput import Stretch
from app.web.console.progress import Tone, tone_of
from schemas.outcomes import JobState

#: Units of a frame: it is drawn as wide and as high as the page likes.
WIDTH, HEIGHT = 1000, 100
#: Share of a stretch's width that its bar leaves free.
GAP = 0.2
#: What is drawn above what, from the ground up, and what each stands for.
NAMES: Mapping[Tone, str] = {
    Tone.GOOD: "Merged, identified or undone",
    Tone.PART: "Undone in part",
    Tone.NONE: "Nothing was done",
    Tone.BAD: "Dead",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A part of a stretch's bar: the jobs of one tone."""

    tone: Tone
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A period, drawn: bars for what ended, a line for what was unfinished, and the tops of both scales."""

    bars: Sequence[Bar]
    ended_top: int
    #: The line's points, as SVG writes them; closed along the ground for the area beneath it.
    line: str
    area: str
    unfinished_top: int


def count_by_tone(stretch: Stretch) -> dict[Tone, int]:
    """Return how many jobs ended with which tone in *stretch*."""
    counts = dict.fromkeys(NAMES, 0)
    for outcome, jobs in stretch.settled.items():
        counts[tone_of(outcome or JobState.DEAD)] += jobs
    return counts


def draw_chart(stretches: Sequence[Stretch]) -> Chart:
    """Return the chart of *stretches*, oldest first."""
    ended_top = round_up(max((stretch.ended for stretch in stretches), default=0))
    unfinished_top = round_up(max((stretch.unfinished for stretch in stretches), default=0))
    step = WIDTH / len(stretches)
    bars = [bar for nth, stretch in enumerate(stretches) for bar in _bars(stretch, nth * step, step, ended_top)]
    points = _steps(stretches, step, unfinished_top)
    return Chart(
        bars=bars,
        ended_top=ended_top,
        line=points,
        area=f"0,{HEIGHT} {points} {WIDTH},{HEIGHT}",
        unfinished_top=unfinished_top,
    )


def round_up(most: int) -> int:
    """Return the top of a scale on which *most* has room: 1, 2 or 5 times a power of ten, and 1 at least."""
    power = 1
    while power * 10 <= most:
        power *= 10
    return next(top for factor in (1, 2, 5, 10) if (top := factor * power) >= most)


def time_of_day(moment: datetime) -> str:
    """Return the time of day of *moment* in UTC."""
    return f"{moment.astimezone(UTC):%H:%M}"


def _bars(stretch: Stretch, x: float, step: float, top: int) -> list[Bar]:
    """Return the parts of the bar of *stretch*, one upon the other."""
    parts: list[Bar] = []
    ground = float(HEIGHT)
    for of, jobs in count_by_tone(stretch).items():
        if jobs:
            height = HEIGHT * jobs / top
            ground -= height
            width = round(step * (1 - GAP), 2)
            parts.append(Bar(tone=of, x=round(x, 2), y=round(ground, 2), width=width, height=round(height, 2)))
    return parts


def _steps(stretches: Sequence[Stretch], step: float, top: int) -> str:
    """Return the points of the line: as high through each stretch as it was at its end."""
    points: list[str] = []
    for nth, stretch in enumerate(stretches):
        y = round(HEIGHT - HEIGHT * stretch.unfinished / top, 2)
        points += [f"{round(nth * step, 2):g},{y:g}", f"{round((nth + 1) * step, 2):g},{y:g}"]
    return " ".join(points)
