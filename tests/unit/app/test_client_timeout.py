"""Client timeouts: when a silent connection is closed, and when the server is probed."""

from types import SimpleNamespace
from typing import Any

import pytest

from app.db.client_timeout import PROBE_VALID_S, ClientTimeout, ServerProbe, server_of

SILENT: Any = SimpleNamespace(host=b"", port=b"", hostaddr=b"")


class FakeProbe(ServerProbe):
    """A probe with a fixed result, which counts how often it runs."""

    def __init__(self, *, up: bool) -> None:
        super().__init__("")
        self.count = 0
        self._result = up

    def is_up(self, silent: Any) -> bool:
        self.count += 1
        return self._result


@pytest.mark.parametrize(
    ("silent_s", "up", "expired", "probes"),
    [(0.9, False, False, 0), (1.0, False, True, 1), (1.0, True, False, 1), (5.0, True, True, 0)],
)
def test_a_timeout_expires_at_its_limit_or_when_a_probe_fails(
    silent_s: float, up: bool, expired: bool, probes: int
) -> None:
    probe = FakeProbe(up=up)
    timeout = ClientTimeout(limit_s=5.0, probe_after_s=1.0, probe=probe)

    assert timeout.has_expired(SILENT, silent_s) is expired
    assert probe.count == probes


def test_a_timeout_without_probe_after_does_not_probe() -> None:
    probe = FakeProbe(up=False)

    assert not ClientTimeout(limit_s=5.0, probe=probe).has_expired(SILENT, 4.9)
    assert probe.count == 0


def test_a_failure_is_reused_for_a_moment() -> None:
    moment, server = [100.0], server_of(SILENT)
    probe = ServerProbe("", clock=lambda: moment[0])
    assert not probe.is_known_down(server)

    probe.record_failure(server)
    assert probe.is_known_down(server)
    assert not probe.is_up(SILENT)

    moment[0] += PROBE_VALID_S
    assert not probe.is_known_down(server)


def test_a_failure_of_one_server_says_nothing_about_another() -> None:
    probe = ServerProbe("")

    probe.record_failure((b"one", b"5432", b""))

    assert not probe.is_known_down((b"other", b"5432", b""))
