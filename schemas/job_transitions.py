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


class JobEvent(StrEnum):
    """A transaction that changes jobs."""

    PUBLISH = "publish"
    BEGIN = "begin"
    FINISH = "finish"
    FAIL = "fail"
    WITHDRAW = "withdraw"
    RESCUE = "rescue"
    RETRY = "retry"
    CANCEL = "cancel"
    HOLD = "hold"


#: What happens at an event, for readers.
MEANINGS: Mapping[JobEvent, str] = {
    JobEvent.PUBLISH: "The relay sends a message with the lane of the job, and then marks the job.",
    JobEvent.BEGIN: "A worker gets a message with the job, and counts an attempt.",
    JobEvent.FINISH: "A worker commits the effect of the job together with its outcome.",
    JobEvent.FAIL: "The attempt raised an error. The job waits for its next attempt; after the last one it is dead.",
    JobEvent.WITHDRAW: "The worker stops, or PostgreSQL refuses the attempt. It is not counted, and the message stays.",
    JobEvent.RESCUE: "The message or the worker is gone. The relay publishes the job again, or it stalled too often.",
    JobEvent.RETRY: "A client retries the job.",
    JobEvent.CANCEL: "A client cancels the job before a worker has begun it. The rest of its lane gets a new head.",
    JobEvent.HOLD: "A worker gets a message while the queue is paused. The job returns to the relay.",
}

#: JobEvent → state before → possible states after. In any other state, the event changes nothing.
TRANSITIONS: Mapping[JobEvent, Mapping[Phase, tuple[Phase, ...]]] = {
    JobEvent.PUBLISH: {Phase.WAITING: (Phase.PUBLISHED,)},
    # A late message begins a job that waits, a repeated one a job that runs.
    JobEvent.BEGIN: {
        Phase.WAITING: (Phase.RUNNING,),
        Phase.PUBLISHED: (Phase.RUNNING,),
        Phase.RUNNING: (Phase.RUNNING,),
    },
    JobEvent.FINISH: {Phase.RUNNING: (Phase.FINISHED,)},
    JobEvent.FAIL: {Phase.RUNNING: (Phase.WAITING, Phase.DEAD)},
    JobEvent.WITHDRAW: {Phase.RUNNING: (Phase.PUBLISHED,)},
    JobEvent.RESCUE: {Phase.PUBLISHED: (Phase.WAITING,), Phase.RUNNING: (Phase.WAITING, Phase.DEAD)},
    JobEvent.RETRY: {Phase.DEAD: (Phase.WAITING,)},
    JobEvent.CANCEL: {Phase.WAITING: (Phase.FINISHED,), Phase.PUBLISHED: (Phase.FINISHED,)},
    JobEvent.HOLD: {Phase.PUBLISHED: (Phase.WAITING,)},
}
