"""The invariants of the job protocol hold in every state: one outcome, one effect, none if cancelled, no job stuck."""

from dataclasses import replace

import pytest

from schemas.job_transitions import JobEvent, Phase
from tests.model.explorer import Exploration, Step, explore
from tests.model.protocol import RULES, Protocol, Rules, State

APART, ONE_LANE, UNDO = {"one_lane": False}, {"one_lane": True}, {"undoes": True}


def explored(rules: Rules = RULES, *, faults: int, **jobs: bool) -> Exploration[State]:
    protocol = Protocol(rules, faults=faults, **jobs)
    return explore(protocol.start, protocol.steps, fault=protocol.fault, is_settled=protocol.is_settled)


#: `python -m tests.model --faults 3` explores more.
@pytest.mark.parametrize(
    ("jobs", "faults", "states"),
    [(APART, 1, 10_000), (ONE_LANE, 1, 5_000), (UNDO, 2, 15_000)],
    ids=["two merges", "two merges of one lane", "a merge and its undo"],
)
def test_no_order_of_steps_and_faults_breaks_an_invariant(jobs: dict[str, bool], faults: int, states: int) -> None:
    found = explored(faults=faults, **jobs)

    assert found.violation == ""
    assert found.states > states


def test_every_kind_of_step_occurs() -> None:
    found = explored(faults=2, **UNDO).labels

    assert found == {
        "send", "mark", "receive", "begin", "lock", "finish", "acknowledge", "nothing-to-do",
        "lose", "repeat", "relay-ends", "worker-ends", "withdraw", "error", "fail", "rescue", "rescue-early",
        "pause", "resume", "cancel", "retry", "undo",
    }  # fmt: skip


def changed(event: JobEvent, **phases: tuple[Phase, ...]) -> Rules:
    """Return the rules with other transitions of *event*; an empty tuple removes one."""
    transitions = {**RULES.transitions[event], **{Phase(name): after for name, after in phases.items()}}
    kept = {before: after for before, after in transitions.items() if after}
    return replace(RULES, transitions={**RULES.transitions, event: kept})


MUTATIONS = {
    "a worker finishes a job without a check of its state": (
        replace(RULES, finish_checks_state=False), APART, 1, "A job has a second outcome",
    ),
    "a worker reads the survivor before it locks it": (
        replace(RULES, locks_survivor=False), APART, 0, "The survivor is not the sum of its merges",
    ),
    "the effect is committed before the outcome": (
        replace(RULES, one_transaction=False), APART, 0, "The effect and the outcome disagree",
    ),
    "no rescue looks for lost messages": (replace(RULES, rescues_lost=False), APART, 1, "A job is stuck"),
    "no rescue looks for workers that are gone": (replace(RULES, rescues_stranded=False), UNDO, 2, "A job is stuck"),
    "a cancelled head leaves its lane without one": (
        replace(RULES, cancel_gives_new_head=False), ONE_LANE, 0, "A job is stuck",
    ),
    "a worker ignores the pause": (
        replace(RULES, begin_checks_pause=False), APART, 0, "A job began while the queue was paused",
    ),
    "an undo runs before its merge": (
        replace(RULES, undo_needs_merge=False), UNDO, 0, "The survivor is not the sum of its merges",
    ),
    "a message begins a finished job": (
        changed(JobEvent.BEGIN, finished=(Phase.RUNNING,)), APART, 1, "A finished job has no outcome",
    ),
    "a finished job is retried": (
        changed(JobEvent.RETRY, finished=(Phase.WAITING,)), APART, 0, "A job has a second outcome",
    ),
    "a cancelled job waits on": (
        changed(JobEvent.CANCEL, waiting=(Phase.WAITING,)), APART, 0, "A finished job has no outcome",
    ),
    "a failure ends the job without an outcome": (
        changed(JobEvent.FAIL, running=(Phase.FINISHED,)), APART, 1, "A finished job has no outcome",
    ),
    "the relay publishes nothing": (changed(JobEvent.PUBLISH, waiting=()), APART, 0, "A job is stuck"),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTATIONS)
def test_an_invariant_notices_each_mutation(name: str) -> None:
    rules, jobs, faults, violation = MUTATIONS[name]

    assert explored(rules, faults=faults, **jobs).violation.startswith(violation)


def test_a_violation_names_the_shortest_way_to_it() -> None:
    found = explore(
        0,
        lambda number: [Step("add", number + 1, helps=True), Step("double 0", number * 2, helps=True)],
        fault=lambda _, after: "Six" if after == 6 else "",
        is_settled=lambda _: True,
    )

    assert found.violation == "Six: add, add, add, double 0"
