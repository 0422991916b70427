"""The states of the model, and small changes of them."""

from enum import IntEnum, auto
from typing import NamedTuple

from schemas.job_transitions import Phase


class Job(NamedTuple):
    """A row of the ledger; without a phase it is an undo that was not requested yet."""

    phase: Phase | None
    lane: int
    attempts: int = 0
    stalled: int = 0
    outcome: str = ""


class At(IntEnum):
    """Where a worker is."""

    IDLE = auto()
    RECEIVED = auto()
    BEGUN = auto()
    LOCKED = auto()
    EFFECT_ONLY = auto()
    FAILING = auto()
    DONE = auto()


class Worker(NamedTuple):
    """A worker with its message, the attempts that it began, and what its open transaction locked and read."""

    at: At = At.IDLE
    message: tuple[int, ...] = ()
    #: The job and the number of the attempt.
    begun: tuple[tuple[int, int], ...] = ()
    locked: tuple[int, ...] = ()
    survivor: tuple[int, ...] = ()


class State(NamedTuple):
    """The ledger, the survivor with the jobs merged into it, the broker and the processes."""

    jobs: tuple[Job, ...]
    survivor: tuple[int, ...] = ()
    #: The number of effects of each job.
    effects: tuple[int, ...] = (0, 0)
    broker: tuple[tuple[int, ...], ...] = ()
    workers: tuple[Worker, ...] = (Worker(), Worker())
    #: The jobs that the relay claimed, in its open transaction.
    claimed: tuple[int, ...] = ()
    paused: bool = False
    faults: int = 2
    pauses: int = 1
    retries: int = 1


def is_locked(state: State, job: int) -> bool:
    """Return whether a transaction of the relay or of a worker has locked *job*."""
    return job in state.claimed or any(worker.at is At.LOCKED and job in worker.locked for worker in state.workers)


def with_new_head(state: State, lane: int) -> State:
    """Give the jobs of *lane* that wait a new head, the first of them."""
    waiting = [number for number, job in enumerate(state.jobs) if job.lane == lane and job.phase is Phase.WAITING]
    for number in waiting:
        state = with_job(state, number, state.jobs[number]._replace(lane=min(waiting)))
    return state


def with_job(state: State, number: int, job: Job) -> State:
    return state._replace(jobs=(*state.jobs[:number], job, *state.jobs[number + 1 :]))


def with_worker(state: State, number: int, worker: Worker) -> State:
    return state._replace(workers=(*state.workers[:number], worker, *state.workers[number + 1 :]))


def with_message(state: State, message: tuple[int, ...]) -> State:
    return state._replace(broker=tuple(sorted((*state.broker, message))))


def without_message(state: State, message: tuple[int, ...]) -> State:
    left = list(state.broker)
    left.remove(message)
    return state._replace(broker=tuple(left))
