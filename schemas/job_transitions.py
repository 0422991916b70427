"""The states of a job in the job protocol, and the transitions between them.

The ledger's SQL implements this table: tests/integration/ledger/test_transitions.py drives it through every entry, and
checks that no other event changes a job. tests/model explores the protocol by it, and docs/job-lifecycle.md shows it.
"""

from collections.abc import Mapping
from enum import StrEnum

from schemas.outcomes import JobState


class Phase(StrEnum):
    """A state of the protocol: as JobState, except that a queued job is published or not."""

    WAITING = "waiting"
    PUBLISHED = "published"
    RUNNING = "running"
    FINISHED = "finished"
    DEAD = "dead"

    @property
    def state(self) -> JobState:
        """The state in the ledger."""
        return JobState.QUEUED if self in {Phase.WAITING, Phase.PUBLISHED} else JobState(self)


class Event(StrEnum):
    """A transaction that changes jobs."""

    PUBLISH = "publish"
    BEGIN = "begin"
    FINISH = "finish"
    FAIL = "fail"
    WITHDRAW = "withdraw"
    RESCUE = "rescue"
    RETRY = "retry"


#: What happens at an event, for readers.
MEANINGS: Mapping[Event, str] = {
    Event.PUBLISH: "The relay sends a message with the lane of the job, and then marks the job.",
    Event.BEGIN: "A worker gets a message with the job, and counts an attempt.",
    Event.FINISH: "A worker commits the effect of the job together with its outcome.",
    Event.FAIL: "The attempt raised an error. The job waits for its next attempt; after the last one it is dead.",
    Event.WITHDRAW: "The worker stops, or PostgreSQL refuses the attempt. It is not counted; the message comes again.",
    Event.RESCUE: "The message or the worker is gone. The relay publishes the job again, or it stalled too often.",
    Event.RETRY: "A client retries the job.",
}

#: Event → state before → possible states after. In any other state, the event changes nothing.
TRANSITIONS: Mapping[Event, Mapping[Phase, tuple[Phase, ...]]] = {
    Event.PUBLISH: {Phase.WAITING: (Phase.PUBLISHED,)},
    # A late message begins a job that waits, a repeated one a job that runs.
    Event.BEGIN: {
        Phase.WAITING: (Phase.RUNNING,),
        Phase.PUBLISHED: (Phase.RUNNING,),
        Phase.RUNNING: (Phase.RUNNING,),
    },
    Event.FINISH: {Phase.RUNNING: (Phase.FINISHED,)},
    Event.FAIL: {Phase.RUNNING: (Phase.WAITING, Phase.DEAD)},
    Event.WITHDRAW: {Phase.RUNNING: (Phase.PUBLISHED,)},
    Event.RESCUE: {Phase.PUBLISHED: (Phase.WAITING,), Phase.RUNNING: (Phase.WAITING, Phase.DEAD)},
    Event.RETRY: {Phase.DEAD: (Phase.WAITING,)},
}
