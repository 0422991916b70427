"""A run over duplicates accepts its merges step by step, each once."""

from dataclasses import replace
from typing import Any

import pytest

from app.config import Settings
from app.db.connections import Pool
from app.db.transaction import Transaction, run_in_transaction
from app.duplicates import advance, runs, scan
from app.duplicates.preview import count_duplicates, preview_steps
from app.errors import Conflict, NotFound
from app.merging.keep_rule import Duplicate
from schemas.keeping import KeepRule, Prefer, RunState, RunTrigger, SharedAddress, TiesBy
from tests.support.duplicates import a_group, at, begin, merges, numbers, pairs, run_of, take_steps
from tests.support.factories import Factory, an_email
from tests.support.postgres import make_database_url

database_url = make_database_url(scope="module")


@pytest.fixture(params=[(20_000, 1_000), (2, 2), (3, 1), (7, 3)], ids=str)
def steps_of(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """The sizes of a step: the maximum of index entries and of profiles."""
    entries, members = request.param
    plain = scan.Scan

    def small(**given: Any) -> scan.Scan:
        return plain(**given, entries=entries, members=members)

    monkeypatch.setattr(advance, "Scan", small)
    return entries, members


def test_profiles_that_share_an_address_are_merged_into_the_one_that_the_rule_keeps(
    steps_of: tuple[int, int], pool: Pool, factory: Factory
) -> None:
    a_group(factory, "alone@x.org", 1)
    a_group(factory, "another@x.org", 1)
    old, new = a_group(factory, "Ada@X.org", 1, 2)
    first, second, third, fourth = a_group(factory, "bob@x.org", 1, 2, 3, 4)
    (named,) = a_group(factory, " BOB@x.org ", 0, external_id="bob")
    for letter in "cdefgh":
        a_group(factory, f"{letter}@x.org", 1)
    last = a_group(factory, "z@x.org", 5, 6)
    run_id = begin(pool, factory)
    take_steps(pool, factory)
    run = run_of(pool, factory, run_id)

    expected = [
        *merges([old], new),
        *merges([fourth, third, second, first], named),
        *merges([last[0]], last[1]),
    ]
    assert sorted(pairs(factory)) == sorted(expected)
    assert run.state == RunState.FINISHED
    assert numbers(run.counts) == {
        "examined": 17,
        "groups": 3,
        "to_merge": 6,
        "batches": run.counts.batches,
    }


def test_undecided_groups_and_protected_profiles_are_counted_and_not_merged(
    steps_of: tuple[int, int], pool: Pool, factory: Factory
) -> None:
    a_group(factory, "tie@x.org", 1, 3, 3)
    a_group(factory, "null", 1, 2)
    a_group(factory, "held@x.org", 1)
    a_group(factory, "held@x.org", 2, control_group=True)
    (_,) = a_group(factory, "mixed@x.org", 1, marked_for_deletion_at=at(1))
    orphan, keeper = a_group(factory, "mixed@x.org", 1, 9)
    run_id = begin(pool, factory)
    take_steps(pool, factory)

    assert pairs(factory) == merges([orphan], keeper)
    counts = run_of(pool, factory, run_id).counts
    assert counts.undecided == {"protected": 2, "refused_identifier": 2, "tie": 3}
    assert counts.left == {"protected": 1}
    assert counts.groups == 4


def test_a_stored_address_that_no_request_may_send_is_undecided(
    steps_of: tuple[int, int], pool: Pool, factory: Factory
) -> None:
    a_group(factory, "<ada@x.org>", 1, 2)
    a_group(factory, "ada\u200b@x.org", 1, 2, 3)
    hidden, kept = (
        factory.profile(email=an_email("c2VjcmV0", encrypted=True), updated_at=at(day), created_at=at(day))
        for day in (1, 2)
    )
    run_id = begin(pool, factory)
    take_steps(pool, factory)

    assert pairs(factory) == merges([hidden], kept)
    assert run_of(pool, factory, run_id).counts.undecided == {"refused_identifier": 5}


@pytest.mark.parametrize(
    "number", ["call me", "0123", "+1 650 253 0000 ext. 1", "+12530000", "+1234567890", "+0000000000", "-", "+"]
)
def test_phone_numbers_without_e164_form_make_no_group(
    steps_of: tuple[int, int], pool: Pool, factory: Factory, number: str
) -> None:
    for _ in range(5):
        factory.profile(phone=number)
    old, new = (factory.profile(phone="+14155550123", updated_at=at(day), created_at=at(day)) for day in (1, 2))
    factory.profile(phone="+16502530000")
    run_id = begin(pool, factory, KeepRule(identifier=SharedAddress.PHONE))
    take_steps(pool, factory)

    assert pairs(factory) == merges([old], new)
    counts = run_of(pool, factory, run_id).counts
    assert (counts.groups, counts.undecided, counts.left) == (1, {}, {})


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        (KeepRule(resolve_ties_by=TiesBy.CREATED), 0),
        (KeepRule(resolve_ties_by=TiesBy.CREATED, prefer=Prefer.OLDEST), 1),
        (KeepRule(resolve_ties_by=TiesBy.UPDATED), 1),
        (KeepRule(resolve_ties_by=TiesBy.LAST_SESSION), 2),
        (KeepRule(resolve_ties_by=TiesBy.LAST_SESSION, prefer=Prefer.OLDEST), 0),
    ],
    ids=str,
)
def test_every_rule_is_carried_out(pool: Pool, factory: Factory, rule: KeepRule, kept: int) -> None:
    address = "+1 415 555 0123"
    group = [
        factory.profile(phone=address, created_at=at(made), updated_at=at(updated), last_session_at=at(seen))
        for made, updated, seen in [(9, 1, 1), (1, 9, 5), (5, 5, 9)]
    ]
    factory.profile(phone="14155550123", email="a@x.org")
    factory.profile(email="a@x.org")
    begin(pool, factory, replace(rule, identifier=SharedAddress.PHONE))
    take_steps(pool, factory)

    assert {survivor for _, survivor in pairs(factory)} == {group[kept].braze_id}
    assert len(pairs(factory)) == 2


def test_a_preview_lists_the_merges_of_the_run(pool: Pool, factory: Factory) -> None:
    for number in range(40):
        a_group(factory, f"p{number % 13}@x.org", number % 5)
    walked = list(preview_steps(pool, Settings(), workspace_id=factory.workspace_id, rule=KeepRule()))
    counts, whole = count_duplicates(pool, Settings(), workspace_id=factory.workspace_id, rule=KeepRule())
    plans = [plan for step in walked for plan in step.plans if isinstance(plan.keeper, Duplicate)]
    previewed = [
        (orphan.braze_id, plan.keeper.braze_id)
        for plan in plans
        if isinstance(plan.keeper, Duplicate)
        for orphan in plan.orphans
    ]
    run_id = begin(pool, factory)
    take_steps(pool, factory)
    run = run_of(pool, factory, run_id)

    assert pairs(factory) == previewed != []
    assert whole
    assert replace(run.counts, batches=0) == counts


def test_counting_ends_at_its_time_limit(pool: Pool, factory: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    a_group(factory, "a@x.org", 1, 2)
    a_group(factory, "b@x.org", 1, 2)
    monkeypatch.setattr("app.duplicates.preview.Scan", lambda **given: scan.Scan(**given, entries=2, members=2))
    clock = iter([0.0, 100.0])
    counts, whole = count_duplicates(
        pool, Settings(), workspace_id=factory.workspace_id, rule=KeepRule(), clock=lambda: next(clock)
    )

    assert (counts.groups, whole) == (1, False)


def test_a_group_that_fits_stays_in_one_batch_and_one_lane(pool: Pool, factory: Factory) -> None:
    for number in range(4):
        a_group(factory, f"g{number}@x.org", *range(20))
    large = a_group(factory, "h@x.org", *range(61))
    run_id = begin(pool, factory)
    take_steps(pool, factory)
    rows = factory.rows(
        """
        SELECT count(*) AS jobs, count(DISTINCT job.lane) AS lanes, count(DISTINCT survivor_identifier) AS groups
        FROM job WHERE workspace_id = %s GROUP BY batch_id ORDER BY batch_id
        """
    )

    assert [(row["jobs"], row["lanes"], row["groups"]) for row in rows] == [
        (38, 2, 2),
        (38, 2, 2),
        (50, 1, 1),
        (10, 1, 1),
    ]
    assert run_of(pool, factory, run_id).counts.batches == 4
    assert pairs(factory)[-1] == (large[0].braze_id, large[-1].braze_id)


def test_batches_name_their_source_and_their_run(pool: Pool, factory: Factory) -> None:
    a_group(factory, "a@x.org", 1, 2)
    run_id = begin(pool, factory)
    take_steps(pool, factory)
    factory.batch([])

    rows = factory.rows("SELECT source, run_id, path FROM batch WHERE workspace_id = %s ORDER BY id")
    assert [tuple(row.values()) for row in rows] == [
        ("duplicates", run_id, "/duplicates/runs"),
        ("api", None, "/users/merge"),
    ]


def test_only_one_run_is_active_at_a_time(pool: Pool, factory: Factory) -> None:
    run_id = begin(pool, factory)
    with pytest.raises(Conflict, match=str(run_id)):
        begin(pool, factory)
    take_steps(pool, factory)

    assert begin(pool, factory) != run_id


class RacingTransaction(Transaction):
    """A transaction in which the running run ends immediately before its id is read."""

    def execute(self, query: Any, *args: Any, **options: Any) -> Any:
        if query == runs.QUERIES["find_running_run"]:
            self.connection.execute("UPDATE duplicate_run SET state = 'failed', finished_at = now(), cursor = '{}'")
        return super().execute(query, *args, **options)


def test_a_run_starts_when_the_conflicting_run_has_just_ended(pool: Pool, factory: Factory) -> None:
    former = begin(pool, factory)

    def start(tx: Transaction) -> Any:
        racing = RacingTransaction(tx.connection, tx.workspace_id)
        return runs.start_run(racing, KeepRule(), trigger=RunTrigger.API)

    started = run_in_transaction(pool, factory.workspace_id, start)

    assert started != former
    assert run_of(pool, factory, started).state == RunState.RUNNING


def test_a_step_is_taken_by_one_process_at_a_time(pool: Pool, factory: Factory) -> None:
    a_group(factory, "a@x.org", 1, 2)
    begin(pool, factory)

    def meanwhile(tx: Transaction) -> bool:
        taken = advance.take_step(tx, Settings())
        assert not advance.advance_run(pool, Settings(), workspace_id=factory.workspace_id)
        return taken

    assert run_in_transaction(pool, factory.workspace_id, meanwhile)
    assert len(pairs(factory)) == 1


def test_a_step_that_does_not_end_has_no_effect_and_is_taken_again(
    pool: Pool, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    orphan, keeper = a_group(factory, "a@x.org", 1, 2)
    run_id = begin(pool, factory)

    def broken(tx: Transaction) -> None:
        advance.take_step(tx, Settings())
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        run_in_transaction(pool, factory.workspace_id, broken)
    assert pairs(factory) == []
    assert numbers(run_of(pool, factory, run_id).counts) == {}

    take_steps(pool, factory)
    assert pairs(factory) == merges([orphan], keeper)


def test_a_run_pauses_while_too_many_jobs_of_its_workspace_wait(pool: Pool, factory: Factory) -> None:
    a_group(factory, "a@x.org", 1, 2)
    waiting = factory.batch([({"external_id": f"{number}"}, {"external_id": "x"}) for number in range(5)])
    run_id = begin(pool, factory)

    assert take_steps(pool, factory, Settings(waiting_bound=10)) == 0
    assert run_of(pool, factory, run_id).state == RunState.RUNNING

    factory.set_jobs(waiting, "state = 'running'")
    assert take_steps(pool, factory, Settings(waiting_bound=10)) == 1


def test_a_cancelled_run_stops_and_its_merges_stay(
    pool: Pool, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_group(factory, "a@x.org", 1, 2)
    a_group(factory, "b@x.org", 1, 2)
    monkeypatch.setattr(advance, "Scan", lambda **given: scan.Scan(**given, entries=2, members=2))
    run_id = begin(pool, factory)
    advance.advance_run(pool, Settings(), workspace_id=factory.workspace_id)

    def cancel(tx: Transaction) -> runs.DuplicateRun:
        return runs.cancel_run(tx, run_id=run_id)

    assert run_in_transaction(pool, factory.workspace_id, cancel).state == RunState.CANCELLED
    assert take_steps(pool, factory) == 0
    assert len(pairs(factory)) == 1
    with pytest.raises(Conflict, match="cancelled"):
        run_in_transaction(pool, factory.workspace_id, cancel)


def test_a_run_of_another_workspace_is_not_found(pool: Pool, factory: Factory) -> None:
    other = Factory(factory.connection)
    run_id = begin(pool, other)

    with pytest.raises(NotFound):
        run_of(pool, factory, run_id)
    assert not advance.advance_run(pool, Settings(), workspace_id=factory.workspace_id)
