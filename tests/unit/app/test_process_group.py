"""A group of processes: its active workspaces, and turns that end with their process."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from time import monotonic

from app.metrics.shares import Resource
from app.process_group import LONGEST_PAUSE_S, RECENT_S, ProcessGroup, Turns
from app.shares import Shares
from tests.support.waiting import wait_until

FORK = multiprocessing.get_context("fork")


@contextmanager
def other_process(act: Callable[[Connection], None]) -> Iterator[tuple[Connection, int]]:
    """Run *act* in a process of the group; yield the pipe to it and its id."""
    ours, theirs = FORK.Pipe()
    process = FORK.Process(target=act, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours, process.pid or 0
    finally:
        process.kill()
        process.join()


def test_active_workspaces_of_other_processes_count() -> None:
    group = ProcessGroup()
    shares = Shares(Resource.QUERIES, each=3, beside_others=1, group=group)
    alone = [shares.take(1), shares.take(1)]

    def visit(pipe: Connection) -> None:
        group.note_active(2)
        pipe.send(group.is_alone(2))

    with other_process(visit) as (pipe, _):
        assert pipe.recv() is False

    assert alone == [True, True]
    assert not group.is_alone(1)
    assert not shares.take(1)


def test_each_of_many_workspaces_has_active_neighbours() -> None:
    group = ProcessGroup()
    assert group.is_alone(7)

    for workspace_id in (7, 7, 8, 9, 10, 9, 10, 10):
        group.note_active(workspace_id)

    assert [group.is_alone(workspace_id) for workspace_id in (7, 8, 9, 10, 11)] == [False] * 5


def test_a_turn_of_a_killed_process_is_free_again() -> None:
    group = ProcessGroup()
    turns = Turns(group, resource=1, turns=1)

    def keep(pipe: Connection) -> None:
        pipe.send(turns.take(5, deadline=0.0))
        pipe.recv()

    with other_process(keep) as (pipe, pid):
        assert pipe.recv() is True
        refused = turns.take(5, deadline=0.0)
        other = turns.take(6, deadline=0.0)
        os.kill(pid, signal.SIGKILL)
        assert turns.take(5, deadline=monotonic() + 30)

    assert not refused
    assert other


def test_processes_that_wait_for_a_turn_take_turns() -> None:
    group = ProcessGroup()
    turns = Turns(group, resource=1, turns=1)

    def work(pipe: Connection) -> None:
        pipe.send("ready")
        pipe.recv()
        for _ in range(30):
            assert turns.take(5, deadline=monotonic() + 60)
            began = monotonic()
            while monotonic() < began + 0.005:
                pass
            turns.give_back(5)
        pipe.send(monotonic())

    with other_process(work) as (one, _), other_process(work) as (two, _):
        for pipe in (one, two):
            assert pipe.recv() == "ready"
        began = monotonic()
        for pipe in (one, two):
            pipe.send("go")
        ended = sorted(pipe.recv() - began for pipe in (one, two))

    # If the processes did not alternate, the first one would end when the second one begins.
    assert ended[0] > 0.75 * ended[1]


def test_a_turn_after_a_wait_starts_with_a_pause_as_long_as_the_last_turn() -> None:
    group = ProcessGroup()
    turns = Turns(group, resource=1, turns=1, pauses=True)
    took, ended = take_a_turn(turns)
    group.note_active(2)

    assert turns.take(1, deadline=monotonic() + 30, waited=True)

    assert monotonic() >= ended + took


def test_a_request_that_finds_a_turn_free_does_not_pause() -> None:
    group = ProcessGroup()
    turns = Turns(group, resource=1, turns=1, pauses=True)
    take_a_turn(turns)
    group.note_active(2)

    assert turns.take(1, deadline=monotonic() + 30)

    assert group.pause_left_s(1) > 0


def test_a_workspace_does_not_pause_when_no_other_one_sends_requests() -> None:
    group = ProcessGroup()
    turns = Turns(group, resource=1, turns=1, pauses=True)
    group.note_active(2)
    wait_until(lambda: group.is_alone(1, in_last_s=RECENT_S), what="the other workspace to be silent")
    assert not group.is_alone(1)
    take_a_turn(turns)

    assert turns.take(1, deadline=monotonic() + 30, waited=True)

    assert group.pause_left_s(1) > 0


def test_a_pause_is_bounded_and_ends_at_the_deadline() -> None:
    group = ProcessGroup()
    turns = Turns(group, resource=1, turns=1, pauses=True)
    group.note_active(2)

    group.begin_pause(1, pause_s=60.0)
    longest = group.pause_left_s(1)
    assert turns.take(1, deadline=monotonic(), waited=True)

    assert longest <= LONGEST_PAUSE_S
    assert group.pause_left_s(1) > 0


def take_a_turn(turns: Turns) -> tuple[float, float]:
    """Take a turn of workspace 1 for a moment; return its seconds and its end."""
    assert turns.take(1, deadline=monotonic() + 30)
    began = monotonic()
    while monotonic() < began + LONGEST_PAUSE_S / 2:
        pass
    ended = monotonic()
    turns.give_back(1)
    return ended - began, ended
