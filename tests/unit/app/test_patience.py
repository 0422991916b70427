"""Patience with a server that says nothing."""

from types import SimpleNamespace
from typing import Any

import pytest

from app.db.client_timeout import FRESH_S, Patience, Pulse

SILENT: Any = SimpleNamespace(host=b"", port=b"", hostaddr=b"")


class StoppedPulse(Pulse):
    """A pulse that says what it is told to, and counts how often it was felt."""

    def __init__(self, *, beats: bool) -> None:
        super().__init__("")
        self.felt = 0
        self._told = beats

    def beats(self, silent: Any) -> bool:
        self.felt += 1
        return self._told


@pytest.mark.parametrize(
    ("silent_s", "beats", "out", "felt"),
    [(0.9, False, False, 0), (1.0, False, True, 1), (1.0, True, False, 1), (5.0, True, True, 0)],
)
def test_silence_is_borne_while_the_pulse_beats_and_not_for_ever(
    silent_s: float, beats: bool, out: bool, felt: int
) -> None:
    pulse = StoppedPulse(beats=beats)
    patience = Patience(longest_s=5.0, uneasy_s=1.0, pulse=pulse)

    assert patience.is_out(SILENT, silent_s) is out
    assert pulse.felt == felt


def test_who_is_not_uneasy_does_not_feel_the_pulse() -> None:
    pulse = StoppedPulse(beats=False)

    assert not Patience(longest_s=5.0, pulse=pulse).is_out(SILENT, 4.9)
    assert pulse.felt == 0


def test_what_was_missed_is_known_for_a_moment() -> None:
    moment = [100.0]
    pulse = Pulse("", clock=lambda: moment[0])
    assert not pulse.is_gone()

    pulse.missed()
    assert pulse.is_gone()
    assert not pulse.beats(SILENT)

    moment[0] += FRESH_S
    assert not pulse.is_gone()
