"""Marks: the outcome of a job, or of the jobs of a batch or run, as a word with a colour and a shape."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from app.ledger.queries import Batch, Job
from app.ledger.runs import MergeRun
from app.web.console.progress import BatchProgress, Tone, bar_segments, label_of, tone_of
from schemas.outcomes import SETTLED, JobState, Outcome, RunStatus

#: Names of counts.
STATES = frozenset(each.value for each in JobState)
OUTCOMES = frozenset(each.value for each in Outcome)
RUN_TONES: Mapping[RunStatus, Tone] = MappingProxyType(
    {
        RunStatus.OPEN: Tone.IDLE,
        RunStatus.RUNNING: Tone.BUSY,
        RunStatus.CANCELLED: Tone.STOPPED,
        RunStatus.FAILED: Tone.BAD,
    }
)
OF_IMPORT = "Lines of a file, or jobs, with this result."
UNDONE_PROSE = "It had an effect, which an undo has reverted since."


@dataclass(frozen=True, slots=True)
class Mark:
    """A word for a state or an outcome, with its colour and its explanation."""

    text: str
    tone: Tone
    prose: str
    #: The value of the filter that finds the jobs with it.
    of: JobState | Outcome | RunStatus | None = None
    is_undone: bool = False


def mark_of(of: JobState | Outcome, *, is_undone: bool = False) -> Mark:
    """Return the mark of a state or an outcome; an undone merge has its own, never that of a merge alone."""
    if is_undone:
        return Mark(f"{label_of(of)}, then undone", Tone.PART, UNDONE_PROSE, of, is_undone=True)
    return Mark(label_of(of), Tone.STOPPED if of is Outcome.CANCELLED else tone_of(of), of.prose, of)


def mark_of_job(job: Job) -> Mark:
    return mark_of(job.outcome or job.state, is_undone=job.undone_at is not None)


def marks_of_batch(batch: Batch) -> list[tuple[Mark, int]]:
    """Return the marks of the jobs of a batch with their numbers, highest first."""
    found: Counter[Mark] = Counter()
    for each in batch.status_counts:
        of = each.outcome or each.state
        if each.jobs > each.undone:
            found[mark_of(of)] += each.jobs - each.undone
        if each.undone:
            found[mark_of(of, is_undone=True)] += each.undone
    return found.most_common()


def state_of_batch(batch: Batch) -> Mark:
    """Return the mark of a batch: it is not green with dead, cancelled or undone jobs."""
    if batch.state is not JobState.FINISHED:
        return mark_of(batch.state)
    return _mark_of_ended(JobState.FINISHED, batch.counts, undone=batch.undone)


def state_of_run(run: MergeRun, *, undone: int = 0) -> Mark:
    """Return the mark of a run with *undone* undone merges: it is not green with dead or cancelled jobs."""
    if run.state is RunStatus.FINISHED:
        return _mark_of_ended(run.state, run.counts, undone=undone)
    return Mark(label_of(run.state), RUN_TONES[run.state], run.state.prose, run.state)


def marks_of_run(run: MergeRun, *, undone: int = 0) -> list[tuple[Mark, int]]:
    """Return the marks of the jobs of a run with their numbers, highest first; results of an import have no filter."""
    found = Counter({_mark_of_name(name): jobs for name, jobs in run.counts.items()})
    undone = min(undone, run.counts.get(Outcome.MERGED, 0))
    found[mark_of(Outcome.MERGED)] -= undone
    found[mark_of(Outcome.MERGED, is_undone=True)] += undone
    return [(mark, jobs) for mark, jobs in found.most_common() if jobs > 0]


def progress_of_run(run: MergeRun, *, undone: int = 0) -> BatchProgress:
    """Return the progress bar of a run."""
    tones: Counter[Tone] = Counter()
    for mark, jobs in marks_of_run(run, undone=undone):
        tones[mark.tone] += jobs
    total = tones.total()
    unfinished = sum(run.counts.get(state, 0) for state in JobState if state not in SETTLED)
    return BatchProgress(jobs=total, settled=total - unfinished, shares=bar_segments(tones, total))


def _mark_of_name(name: str) -> Mark:
    if name in STATES:
        return mark_of(JobState(name))
    return mark_of(Outcome(name)) if name in OUTCOMES else Mark(label_of(name), Tone.NONE, OF_IMPORT)


def _mark_of_ended(state: JobState | RunStatus, counts: Mapping[str, int], *, undone: int) -> Mark:
    """Return the mark of something that has ended, with the numbers of the jobs that an operator looks for."""
    numbers = (
        (counts.get(JobState.DEAD, 0), "dead", Tone.BAD),
        (counts.get(Outcome.CANCELLED, 0), "cancelled", Tone.STOPPED),
        (undone, "undone", Tone.PART),
    )
    found = [(f"{jobs:,} {word}", tone) for jobs, word, tone in numbers if jobs]
    text = ", ".join([label_of(state), *(part for part, _ in found)])
    return Mark(text, found[0][1] if found else Tone.GOOD, state.prose, state)
