"""The latencies of a workspace beside a busy one: a table, and an error above the bound."""

from collections.abc import Sequence

import pytest
from click.testing import CliRunner

from chaos import neighbours
from chaos.neighbours import ALONE, CONTROL, Figures

SECONDS = {ALONE: 0.010, CONTROL: 0.012, "previews of 50 merges": 0.018, "tracking of 75 events": 0.024}


@pytest.mark.parametrize(("named", "code"), [("previews", 0), ("tracking", 1)])
def test_a_percentile_above_twice_that_alone_is_an_error(
    monkeypatch: pytest.MonkeyPatch, named: str, code: int
) -> None:
    def measured(*, loads: Sequence[str], **_: float) -> list[Figures]:
        return [
            Figures(load=load, seconds=[SECONDS[load]] * 100, neighbour={"429": 2}) for load in (ALONE, CONTROL, *loads)
        ]

    monkeypatch.setattr(neighbours, "measure", measured)

    result = CliRunner().invoke(neighbours.main, ["--load", named])

    [row] = [line for line in result.output.splitlines() if line.startswith(f"| {named}")]
    assert row.split(" | ")[3:5] == {"previews": ["1.80", "1.50"], "tracking": ["2.40", "2.00"]}[named]
    assert result.exit_code == code
    assert ("2 times that alone beside: tracking of 75 events" in result.output) is bool(code)
