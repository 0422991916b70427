"""The checkpoint at which a pass of the numbering starts."""

from datetime import UTC, datetime, timedelta

from app.identities.checkpoints import MOST, STEP_BACK, Checkpoint, Pass, advance_checkpoints

START = datetime(2026, 1, 1, tzinfo=UTC)


def second(number: float) -> datetime:
    return START + timedelta(seconds=number)


def advance(
    checkpoints: list[Checkpoint], *, now: float, xid: int, running: int | None = None, before: int = 0
) -> list[Checkpoint]:
    seen = Pass(now=second(now), xid=xid, end=xid, first_running=running or xid)
    return advance_checkpoints(checkpoints, seen=seen, end_before=before, checked_at=checkpoints[-1].at)


def test_without_open_transactions_the_last_pass_bounds_the_next_one() -> None:
    assert advance([Checkpoint(5, second(1))], now=2, xid=9) == [Checkpoint(9, second(2))]


def test_an_open_transaction_keeps_the_checkpoint_before_it() -> None:
    kept = advance(
        [Checkpoint(3, second(1)), Checkpoint(5, second(2)), Checkpoint(8, second(3))], now=4, xid=9, running=6
    )

    assert kept == [Checkpoint(5, second(2)), Checkpoint(8, second(3)), Checkpoint(9, second(4))]


def test_many_passes_during_an_open_transaction_keep_a_bounded_number_of_checkpoints() -> None:
    kept = [Checkpoint(3, second(1))]
    for number in range(2, 10 * MOST):
        kept = advance(kept, now=number, xid=3 + number, running=4, before=2 + number)

    assert kept[0] == Checkpoint(3, second(1))
    assert kept[-1] == Checkpoint(2 + 10 * MOST, second(10 * MOST - 1))
    assert len(kept) <= MOST
    assert kept == sorted(kept, key=lambda each: each.xid)


def test_after_a_restore_on_a_server_with_lower_ids_the_oldest_time_bounds_all() -> None:
    kept = advance([Checkpoint(500, second(1)), Checkpoint(600, second(2))], now=9, xid=20, before=700)

    assert kept == [Checkpoint(20, second(9))]


def test_after_a_restore_a_transaction_that_is_open_already_has_the_oldest_time() -> None:
    kept = advance([Checkpoint(500, second(1)), Checkpoint(600, second(2))], now=9, xid=20, running=19, before=700)

    assert kept == [Checkpoint(0, second(1)), Checkpoint(20, second(9))]


def test_after_the_clock_was_set_back_no_checkpoint_is_later_than_changes_since_then() -> None:
    kept = advance([Checkpoint(5, second(100))], now=50, xid=9, running=7)

    assert kept == [Checkpoint(5, second(50) - STEP_BACK), Checkpoint(9, second(50))]
