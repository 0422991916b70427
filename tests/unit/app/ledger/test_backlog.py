"""The limit of the backlog: a process counts waiting jobs at intervals, adds accepted jobs, and refuses requests."""

from typing import Any

import pytest

from app.adaptive_cache import PAUSE_TO_READ
from app.errors import Overloaded
from app.ledger.backlog import LONGEST_PAUSE_S, RETRY_AFTER_S, SHORTEST_PAUSE_S, BacklogLimiter


class Ledger:
    """Replaces a transaction: `waiting` jobs wait, and a count of them takes `takes_s` seconds."""

    workspace_id = 1

    def __init__(self) -> None:
        self.now = 1000.0
        self.waiting = 0
        self.takes_s = 0.0
        self.looks = 0

    def execute(self, _: str, parameters: dict[str, int]) -> "Ledger":
        """Run the count."""
        self.looks += 1
        self.now += self.takes_s
        self._bound = parameters["bound"]
        return self

    def fetchall(self) -> list[dict[str, int]]:
        """Return the number of waiting jobs, up to the bound of the query."""
        return [{"waiting": min(self.waiting, self._bound)}]


@pytest.fixture
def ledger() -> Any:
    return Ledger()


@pytest.fixture
def backlogs(ledger: Ledger) -> BacklogLimiter:
    return BacklogLimiter(100, clock=lambda: ledger.now)


def look(backlogs: BacklogLimiter, ledger: Any, waiting: int) -> None:
    """Let *waiting* jobs of the workspace wait, and count them."""
    ledger.waiting = waiting
    backlogs.count(ledger)


def test_without_a_count_no_request_is_refused(backlogs: BacklogLimiter, ledger: Any) -> None:
    ledger.waiting = 100

    backlogs.require_room(ledger)

    assert ledger.looks == 0


def test_only_the_full_workspace_is_refused(backlogs: BacklogLimiter, ledger: Any) -> None:
    look(backlogs, ledger, 100)
    ledger.workspace_id = 2
    backlogs.require_room(ledger)
    ledger.workspace_id = 1

    with pytest.raises(Overloaded, match=r"^Too many jobs of this workspace wait: 100 or more. Try again in 10 sec"):
        backlogs.require_room(ledger)


def test_jobs_accepted_since_the_last_count_are_included(backlogs: BacklogLimiter, ledger: Any) -> None:
    look(backlogs, ledger, 60)
    backlogs.add_accepted(workspace_id=1, jobs=39)
    backlogs.require_room(ledger)
    backlogs.add_accepted(workspace_id=1, jobs=1)

    with pytest.raises(Overloaded):
        backlogs.require_room(ledger)


def test_an_outdated_count_is_repeated_before_a_request_is_refused(backlogs: BacklogLimiter, ledger: Any) -> None:
    look(backlogs, ledger, 100)
    ledger.waiting = 99
    ledger.now += SHORTEST_PAUSE_S

    backlogs.require_room(ledger)

    assert ledger.looks == 2


def test_only_one_caller_claims_a_due_count(backlogs: BacklogLimiter, ledger: Any) -> None:
    assert [backlogs.claim_count(1) for _ in range(3)] == [True, False, False]
    look(backlogs, ledger, 1)
    assert not backlogs.claim_count(1)
    ledger.now += SHORTEST_PAUSE_S
    assert [backlogs.claim_count(1) for _ in range(2)] == [True, False]


def test_a_count_that_never_finished_is_claimed_again(backlogs: BacklogLimiter, ledger: Any) -> None:
    assert backlogs.claim_count(1)
    ledger.now += LONGEST_PAUSE_S

    assert backlogs.claim_count(1)


@pytest.mark.parametrize(
    ("takes_s", "pause_s"), [(0.001, SHORTEST_PAUSE_S), (0.3, 0.3 * PAUSE_TO_READ), (3.0, LONGEST_PAUSE_S)]
)
def test_slow_counts_run_less_often(backlogs: BacklogLimiter, ledger: Any, takes_s: float, pause_s: float) -> None:
    ledger.takes_s = takes_s
    look(backlogs, ledger, 1)

    ledger.now += pause_s - 0.01
    assert not backlogs.claim_count(1)
    ledger.now += 0.02
    assert backlogs.claim_count(1)


@pytest.mark.parametrize(("takes_s", "seconds"), [(0.0, RETRY_AFTER_S), (0.4, 20)])
def test_a_refused_request_gets_a_retry_after_past_the_next_count(
    backlogs: BacklogLimiter, ledger: Any, takes_s: float, seconds: int
) -> None:
    ledger.takes_s = takes_s
    look(backlogs, ledger, 100)

    with pytest.raises(Overloaded) as refused:
        backlogs.require_room(ledger)

    assert refused.value.retry_after_s == seconds


def test_the_start_and_the_end_of_the_backlog_are_logged_once(
    backlogs: BacklogLimiter, ledger: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for waiting in (99, 100, 100, 99, 99):
        look(backlogs, ledger, waiting)

    assert [record.message for record in caplog.records] == [
        "backlog_full",
        "backlog_has_room",
    ]
