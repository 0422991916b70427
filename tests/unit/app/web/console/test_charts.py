"""The positions of the bars and of the line of a chart."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from app.ledger.throughput import TimeBucket
from app.web.console.charts import HEIGHT, WIDTH, count_by_tone, draw_chart, round_up
from app.web.console.progress import Tone
from schemas.outcomes import Outcome

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def time_buckets(*each: tuple[Mapping[Outcome | None, int], int]) -> list[TimeBucket]:
    """Return a time bucket for each (jobs that ended, jobs unfinished)."""
    return [
        TimeBucket(begins_at=NOON + nth * timedelta(minutes=1), accepted=0, settled=settled, unfinished=unfinished)
        for nth, (settled, unfinished) in enumerate(each)
    ]


@pytest.mark.parametrize(
    ("most", "top"), [(0, 1), (1, 1), (2, 2), (3, 5), (9, 10), (10, 10), (11, 20), (51, 100), (4_999, 5_000)]
)
def test_a_scale_ends_at_a_round_number_above_the_highest_value(most: int, top: int) -> None:
    assert round_up(most) == top


def test_outcomes_of_one_tone_are_one_part_of_a_bar() -> None:
    (bucket,) = time_buckets(({Outcome.MERGED: 2, Outcome.IDENTIFIED: 1, Outcome.SAME_PROFILE: 4, None: 1}, 0))

    assert count_by_tone(bucket) == {Tone.GOOD: 3, Tone.PART: 0, Tone.NONE: 4, Tone.BAD: 1}


def test_the_parts_of_a_bar_are_stacked_from_the_bottom() -> None:
    chart = draw_chart(time_buckets(({}, 0), ({Outcome.MERGED: 6, None: 4}, 0)))
    good, bad = chart.bars

    assert chart.ended_top == 10
    assert (good.tone, good.y, good.height) == (Tone.GOOD, HEIGHT * 0.4, HEIGHT * 0.6)
    assert (bad.tone, bad.y, bad.height) == (Tone.BAD, 0, HEIGHT * 0.4)
    assert good.x == bad.x == WIDTH / 2
    assert good.x + good.width < WIDTH


def test_the_line_has_the_height_of_the_unfinished_jobs() -> None:
    chart = draw_chart(time_buckets(({}, 0), ({}, 5), ({}, 2), ({}, 0)))

    assert chart.unfinished_top == 5
    assert chart.line == "0,100 250,100 250,0 500,0 500,60 750,60 750,100 1000,100"
    assert chart.area == f"0,100 {chart.line} 1000,100"
