"""The job protocol as a model: two jobs of one survivor, two workers, the relay, and an unreliable broker.

A step of the model is one transaction or one message. Faults are lost and repeated messages, processes that end at any
step, attempts that fail, and a rescue that comes while the worker still runs. Messages arrive in any order. The number
of faults is bounded, and so are pauses and retries. The transitions are those of schemas/job_transitions.py.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from schemas.job_transitions import TRANSITIONS, JobEvent, Phase
from tests.model.explorer import Step
from tests.model.state import (
    At,
    Job,
    State,
    Worker,
    is_locked,
    with_job,
    with_message,
    with_new_head,
    with_worker,
    without_message,
)

MERGED, UNDONE, CANCELLED = "merged", "undone", "cancelled"
#: Failed attempts, and stalled ones, after which a job is dead.
LIMIT = 2
UNFINISHED = frozenset({Phase.WAITING, Phase.PUBLISHED, Phase.RUNNING})


@dataclass(frozen=True)
class Rules:
    """The rules of the protocol. A mutation changes one, and an invariant must notice."""

    transitions: Mapping[JobEvent, Mapping[Phase, tuple[Phase, ...]]]
    #: The transaction of the effect takes only jobs that are still running.
    finish_checks_state: bool = True
    #: It locks the survivor before it reads it.
    locks_survivor: bool = True
    #: The effect and the outcome are committed together.
    one_transaction: bool = True
    #: The rescue looks for jobs whose message is gone, and for jobs whose worker is gone.
    rescues_lost: bool = True
    rescues_stranded: bool = True
    #: Jobs that wait get a new head when that of their lane is cancelled.
    cancel_gives_new_head: bool = True
    #: A worker begins nothing while the queue is paused.
    begin_checks_pause: bool = True
    #: A merge can be undone when it has finished.
    undo_needs_merge: bool = True


RULES = Rules(TRANSITIONS)


class Protocol:
    """The steps of two jobs under *rules*. With *undoes*, the second job undoes the first."""

    def __init__(self, rules: Rules = RULES, *, undoes: bool = False, one_lane: bool = False, faults: int = 2) -> None:
        self._rules = rules
        self._undoes = undoes
        second = Job(None, 1) if undoes else Job(Phase.WAITING, 0 if one_lane else 1)
        self.start = State((Job(Phase.WAITING, 0), second), faults=faults)

    def steps(self, state: State) -> Iterator[Step[State]]:
        """Yield every step from *state*. Workers are alike, so states that differ in their order are one."""
        workers = (self._work(state, number) for number in range(len(state.workers)))
        for step in chain(self._relay(state), self._rescue(state), self._operate(state), *workers, _lose(state)):
            first, second = step.state.workers
            in_order = first <= second
            yield step if in_order else step._replace(state=step.state._replace(workers=(second, first)))

    def fault(self, before: State, after: State) -> str:
        """Return the invariant that the step from *before* to *after* breaks, or an empty string."""
        pairs = zip(before.jobs, after.jobs, after.effects, strict=True)
        faults = (_fault_of_job(old, job, effects, paused=before.paused) for old, job, effects in pairs)
        if found := next(filter(None, faults), ""):
            return found
        undone = self._undoes and after.jobs[1].outcome == UNDONE
        merged = [number for number, job in enumerate(after.jobs) if job.outcome == MERGED and not undone]
        return "" if list(after.survivor) == merged else "The survivor is not the sum of its merges"

    def is_settled(self, state: State) -> bool:
        return all(job.phase not in UNFINISHED for job in state.jobs)

    def _may(self, event: JobEvent, job: Job) -> bool:
        return job.phase is not None and job.phase in self._rules.transitions[event]

    def _next(self, event: JobEvent, job: Job, *, last: bool = False) -> Phase:
        """Return the phase after *event*; the *last* possible one, which is dead, or the first."""
        assert job.phase is not None
        return self._rules.transitions[event][job.phase][-1 if last else 0]

    # --- the relay

    def _relay(self, state: State) -> Iterator[Step[State]]:
        """Claim a lane and send it, and then mark its jobs; a relay that ends in between has marked nothing."""
        if state.claimed:
            jobs = list(state.jobs)
            for each in state.claimed:
                jobs[each] = jobs[each]._replace(phase=self._next(JobEvent.PUBLISH, jobs[each]))
            marked = state._replace(jobs=tuple(jobs), claimed=())
            yield Step("mark", marked, helps=True)
            if state.faults:
                yield Step("relay-ends", state._replace(claimed=(), faults=state.faults - 1), helps=False)
        elif not state.paused:
            for head, job in enumerate(state.jobs):
                if job.lane == head and self._may(JobEvent.PUBLISH, job) and not is_locked(state, head):
                    yield from self._send(state, head)

    def _send(self, state: State, head: int) -> Iterator[Step[State]]:
        members = tuple(
            number
            for number, job in enumerate(state.jobs)
            if job.lane == head and self._may(JobEvent.PUBLISH, job) and not is_locked(state, number)
        )
        yield Step(f"send {members}", with_message(state, members)._replace(claimed=members), helps=True)

    def _rescue(self, state: State) -> Iterator[Step[State]]:
        """Requeue jobs whose message or worker is gone; by a fault, jobs that are only late."""
        free = [number for number in range(len(state.jobs)) if not is_locked(state, number)]
        lost = [each for each in free if self._rules.rescues_lost and state.jobs[each].phase is Phase.PUBLISHED]
        stranded = [each for each in free if self._rules.rescues_stranded and state.jobs[each].phase is Phase.RUNNING]
        messages = {each for message in state.broker for each in message}
        messages |= {each for worker in state.workers if worker.at is At.RECEIVED for each in worker.message}
        alive = {each for worker in state.workers for each, _ in worker.begun}
        gone = [each for each in lost if each not in messages] + [each for each in stranded if each not in alive]
        if gone:
            yield Step(f"rescue {gone}", self._requeued(state, gone), helps=True)
        for late in {*lost, *stranded} - {*gone}:
            if state.faults:
                early = self._requeued(state, [late])._replace(faults=state.faults - 1)
                yield Step(f"rescue-early {late}", early, helps=False)

    def _requeued(self, state: State, numbers: list[int]) -> State:
        jobs = list(state.jobs)
        for number in numbers:
            job = jobs[number]
            lane = min(each for each in numbers if state.jobs[each].lane == job.lane)
            stalled = job.stalled + (job.phase is Phase.RUNNING)
            phase = self._next(JobEvent.RESCUE, job, last=job.phase is Phase.RUNNING and stalled >= LIMIT)
            jobs[number] = job._replace(phase=phase, lane=lane, stalled=stalled)
        return state._replace(jobs=tuple(jobs))

    # --- clients and operators

    def _operate(self, state: State) -> Iterator[Step[State]]:
        """Pause, resume, cancel, retry, and request the undo."""
        if state.paused:
            yield Step("resume", state._replace(paused=False), helps=True)
        elif state.pauses:
            yield Step("pause", state._replace(paused=True, pauses=state.pauses - 1), helps=False)
        for number, job in enumerate(state.jobs):
            if self._may(JobEvent.CANCEL, job) and not is_locked(state, number):
                yield Step(f"cancel {number}", self._cancelled(state, number), helps=False)
            if self._may(JobEvent.RETRY, job) and state.retries:
                again = Job(self._next(JobEvent.RETRY, job), number)
                yield Step(f"retry {number}", with_job(state, number, again)._replace(retries=0), helps=False)
        is_merged = state.jobs[0].outcome == MERGED or not self._rules.undo_needs_merge
        if self._undoes and state.jobs[1].phase is None and is_merged:
            yield Step("undo", with_job(state, 1, Job(Phase.WAITING, 1)), helps=False)

    def _cancelled(self, state: State, number: int) -> State:
        job = state.jobs[number]
        state = with_job(state, number, job._replace(phase=self._next(JobEvent.CANCEL, job), outcome=CANCELLED))
        return with_new_head(state, job.lane) if self._rules.cancel_gives_new_head else state

    # --- workers

    def _work(self, state: State, number: int) -> Iterator[Step[State]]:
        """Yield the next steps of one worker, and its end."""
        worker = state.workers[number]
        match worker.at:
            case At.IDLE:
                for message in dict.fromkeys(state.broker):
                    received = with_worker(state, number, Worker(At.RECEIVED, message))
                    yield Step(f"receive {message}", without_message(received, message), helps=True)
                return
            case At.RECEIVED if not any(is_locked(state, each) for each in worker.message):
                begin = self._hold if state.paused and self._rules.begin_checks_pause else self._begin
                yield Step(f"begin {worker.message}", begin(state, number), helps=True)
            case At.DONE:
                yield Step("acknowledge", with_worker(state, number, Worker()), helps=True)
            case _:
                yield from self._run(state, number)
        if state.faults:
            yield from self._end(state, number)

    def _run(self, state: State, number: int) -> Iterator[Step[State]]:
        """Yield the next steps of a worker that has begun jobs."""
        worker = state.workers[number]
        match worker.at:
            case At.BEGUN:
                yield from self._lock(state, number)
            case At.LOCKED:
                yield from self._finish(state, number)
            case At.EFFECT_ONLY:
                yield Step("outcome", self._record(state, number), helps=True)
            case At.FAILING if not is_locked(state, worker.begun[0][0]):
                yield Step(f"fail {worker.begun[0]}", self._fail(state, number), helps=True)

    def _end(self, state: State, number: int) -> Iterator[Step[State]]:
        """End a worker: its transaction is rolled back, and the broker has its message again."""
        worker = state.workers[number]
        ended = with_message(with_worker(state, number, Worker()), worker.message)._replace(faults=state.faults - 1)
        yield Step(f"worker-ends {worker.at.name}", ended, helps=False)
        if worker.at is At.BEGUN:
            yield Step("withdraw", self._withdraw(ended, worker), helps=False)

    def _hold(self, state: State, number: int) -> State:
        """Return the jobs of a message to the relay while the queue is paused: a lane with its head."""
        message = state.workers[number].message
        held = [each for each in message if self._may(JobEvent.HOLD, state.jobs[each])]
        jobs = list(state.jobs)
        for each in held:
            if jobs[each].lane in held:
                jobs[each] = jobs[each]._replace(phase=self._next(JobEvent.HOLD, jobs[each]))
        return with_worker(state._replace(jobs=tuple(jobs)), number, Worker(At.DONE, message))

    def _begin(self, state: State, number: int) -> State:
        """Count an attempt on each unfinished job of the message whose earlier jobs are finished or in it too."""
        message = state.workers[number].message
        jobs, begun, lanes = list(state.jobs), [], set()
        for each in message:
            job = state.jobs[each]
            earlier = [
                other
                for other in range(job.lane, each)
                if state.jobs[other].lane == job.lane and state.jobs[other].phase in UNFINISHED
            ]
            if self._may(JobEvent.BEGIN, job) and {*earlier} <= {*message}:
                if job.phase is Phase.WAITING:
                    lanes.add(job.lane)
                stalled = job.stalled + (job.phase is Phase.RUNNING)
                running = self._next(JobEvent.BEGIN, job)
                jobs[each] = job._replace(phase=running, attempts=job.attempts + 1, stalled=stalled)
                begun.append((each, job.attempts + 1))
        state = state._replace(jobs=tuple(jobs))
        for lane in lanes:
            state = with_new_head(state, lane)
        return with_worker(state, number, Worker(At.BEGUN if begun else At.DONE, message, tuple(begun)))

    def _lock(self, state: State, number: int) -> Iterator[Step[State]]:
        """Begin the transaction of the effects: lock the jobs that still run and the survivor, and read it."""
        worker = state.workers[number]
        jobs = [each for each, _ in worker.begun]
        survivor_is_locked = any(other.at is At.LOCKED for other in state.workers)
        if any(is_locked(state, each) for each in jobs) or (survivor_is_locked and self._rules.locks_survivor):
            return
        running = [
            each for each in jobs if self._may(JobEvent.FINISH, state.jobs[each]) or not self._rules.finish_checks_state
        ]
        if running:
            locked = worker._replace(at=At.LOCKED, locked=tuple(running), survivor=state.survivor)
            yield Step(f"lock {running}", with_worker(state, number, locked), helps=True)
        else:
            yield Step("nothing-to-do", with_worker(state, number, Worker(At.DONE, worker.message)), helps=True)

    def _finish(self, state: State, number: int) -> Iterator[Step[State]]:
        """Commit the effects with the outcomes; by a fault, roll back and let the first job fail."""
        worker = state.workers[number]
        survivor, effects = {*worker.survivor}, list(state.effects)
        for each in worker.locked:
            survivor = survivor - {0} if self._undoes and each == 1 else survivor | {each}
            effects[each] += 1
        changed = state._replace(survivor=tuple(sorted(survivor)), effects=tuple(effects))
        if self._rules.one_transaction:
            yield Step(f"finish {worker.locked}", self._record(changed, number), helps=True)
        else:
            effect_only = worker._replace(at=At.EFFECT_ONLY)
            yield Step(f"effect {worker.locked}", with_worker(changed, number, effect_only), helps=True)
        if state.faults:
            rest = tuple(pair for pair in worker.begun if pair[0] in worker.locked)
            failing = Worker(At.FAILING, worker.message, rest)
            yield Step("error", with_worker(state, number, failing)._replace(faults=state.faults - 1), helps=False)

    def _record(self, state: State, number: int) -> State:
        worker = state.workers[number]
        jobs = list(state.jobs)
        for each in worker.locked:
            outcome = UNDONE if self._undoes and each == 1 else MERGED
            (after,) = {after for all_after in self._rules.transitions[JobEvent.FINISH].values() for after in all_after}
            jobs[each] = jobs[each]._replace(phase=after, outcome=outcome)
        return with_worker(state._replace(jobs=tuple(jobs)), number, Worker(At.DONE, worker.message))

    def _fail(self, state: State, number: int) -> State:
        """Count the failure of the first job, and continue with the others."""
        worker = state.workers[number]
        (failed, attempt), rest = worker.begun[0], worker.begun[1:]
        job = state.jobs[failed]
        if self._may(JobEvent.FAIL, job) and job.attempts == attempt:
            phase = self._next(JobEvent.FAIL, job, last=job.attempts - job.stalled >= LIMIT)
            state = with_job(state, failed, job._replace(phase=phase, lane=failed))
        return with_worker(state, number, Worker(At.BEGUN if rest else At.DONE, worker.message, rest))

    def _withdraw(self, state: State, worker: Worker) -> State:
        """Uncount the attempts of *worker*, which received a signal to end."""
        for each, attempt in worker.begun:
            job = state.jobs[each]
            if self._may(JobEvent.WITHDRAW, job) and job.attempts == attempt and not is_locked(state, each):
                uncounted = job._replace(phase=self._next(JobEvent.WITHDRAW, job), attempts=attempt - 1)
                state = with_job(state, each, uncounted)
        return state


def _fault_of_job(old: Job, job: Job, effects: int, *, paused: bool) -> str:
    """Return the invariant that a job breaks. *old* is the job before the step, *effects* the number of its effects."""
    broken = {
        "A job has a second outcome": bool(old.outcome) and old.outcome != job.outcome,
        "An effect happened twice": effects > 1,
        "A cancelled job has an effect": job.outcome == CANCELLED and effects > 0,
        "A finished job has no outcome, or another job has one": bool(job.outcome) != (job.phase is Phase.FINISHED),
        "The effect and the outcome disagree": bool(effects) != (job.outcome in {MERGED, UNDONE}),
        "A job began while the queue was paused": paused and job.attempts > old.attempts,
    }
    return next((sentence for sentence, is_broken in broken.items() if is_broken), "")


def _lose(state: State) -> Iterator[Step[State]]:
    """Lose and repeat a message; any order is possible without a fault."""
    for message in dict.fromkeys(state.broker) if state.faults else ():
        fewer = state._replace(faults=state.faults - 1)
        yield Step(f"lose {message}", without_message(fewer, message), helps=False)
        yield Step(f"repeat {message}", with_message(fewer, message), helps=False)
