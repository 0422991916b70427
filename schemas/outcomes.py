"""The kinds, states and outcomes of jobs and runs, each with a sentence for operators."""

from enum import StrEnum
from typing import Self


class _Described(StrEnum):
    """A string enum; each member has a sentence in `prose`."""

    prose: str

    def __new__(cls, value: str, prose: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.prose = prose
        return member


class JobKind(_Described):
    """The kind of a job."""

    MERGE = "merge", "Merge the orphan into the survivor."
    IDENTIFY = "identify", "Give an unidentified profile an external_id, or merge it into the profile that has it."
    UNDO = "undo", "Take an earlier merge back."


class BatchSource(_Described):
    """The source of a batch."""

    API = "api", "A request."
    DUPLICATES = "duplicates", "A run over the duplicates of the workspace."
    PLAN = "plan", "An applied plan."


class RunKind(_Described):
    """The kind of a run: what created its batches."""

    CLIENT = "client", "Requests with the header Merge-Run."
    FILE = "file", "The pairs of a file."
    IMPORT = "import", "The profiles of a file, without jobs."
    PLAN = "plan", "An applied plan."
    DUPLICATES = "duplicates", "A run over the duplicates of the workspace."
    UNDO = "undo", "The undo of another run."
    BULK = "bulk", "Another operation on many jobs."


#: The kinds of runs whose batches have a source. Imports have no batches.
RUN_SOURCES = {
    BatchSource.API: (RunKind.CLIENT, RunKind.FILE, RunKind.UNDO, RunKind.BULK),
    BatchSource.DUPLICATES: (RunKind.DUPLICATES,),
    BatchSource.PLAN: (RunKind.PLAN,),
}


class RunStatus(_Described):
    """The state of a run."""

    OPEN = "open", "Requests may join it."
    RUNNING = "running", "It is closed, or makes its batches itself, and has not ended."
    FINISHED = "finished", "Every job is finished or dead."
    CANCELLED = "cancelled", "It was cancelled."
    FAILED = "failed", "An error ended it."


class JobState(_Described):
    """The state of a job. Web writes `queued`, workers the next states; rescue may reset it."""

    QUEUED = "queued", "Accepted and durable; the relay has published it or is about to."
    RUNNING = "running", "A worker has begun an attempt."
    FINISHED = "finished", "The job has its outcome, recorded in the transaction that had the effect."
    DEAD = "dead", "Every attempt failed; the last error is kept and the job waits to be retried."


#: States that a job does not leave by itself. A batch is finished when all its jobs have one of them.
SETTLED = frozenset({JobState.FINISHED, JobState.DEAD})


class Outcome(_Described):
    """The result of a job, set once: the first that applies, in this order."""

    REFUSED_IDENTIFIER = (
        "refused_identifier",
        "An identifier is a placeholder that strangers share, or an address that is not valid; nothing was merged.",
    )
    ORPHAN_AMBIGUOUS = "orphan_ambiguous", "More than one profile is left as identifier_to_merge; nothing was merged."
    SURVIVOR_AMBIGUOUS = (
        "survivor_ambiguous",
        "More than one profile is left as identifier_to_keep; nothing was merged.",
    )
    ORPHAN_NOT_FOUND = "orphan_not_found", "No profile matches identifier_to_merge; nothing was merged."
    SURVIVOR_NOT_FOUND = "survivor_not_found", "No profile matches identifier_to_keep; nothing was merged."
    ALREADY_MERGED = "already_merged", "The orphan was merged away earlier; nothing was merged now."
    SAME_PROFILE = "same_profile", "Both identifiers name one profile; nothing was merged."
    ORPHAN_IDENTIFIED = "orphan_identified", "The profile already has another external_id; nothing was merged."
    ALIAS_CONFLICT = "alias_conflict", "Both profiles have an alias with one label; nothing was combined."
    PROTECTED = (
        "protected",
        "A profile is in a control group or marked for deletion, or a run's pair is excluded; nothing was merged.",
    )
    INVALID_PHONES = "invalid_phones", "Neither profile's phone number is valid E.164; nothing was merged."
    SURVIVOR_LIMIT = "survivor_limit", "The survivor has absorbed its daily limit of orphans; nothing was merged."
    MERGED = "merged", "The orphan was merged into the survivor and retired."
    IDENTIFIED = "identified", "The profile got its external_id."
    UNDONE = "undone", "The merge was taken back whole."
    UNDONE_IN_PART = "undone_in_part", "The merge was taken back but for what is listed as not restored."
    NOT_UNDOABLE = "not_undoable", "The merge cannot be reverted in the current state; nothing was changed."
    CHANGED_SINCE_PLAN = (
        "changed_since_plan",
        "A profile of an applied plan is not as the plan saw it; nothing was merged.",
    )
    CANCELLED = "cancelled", "The job was cancelled before a worker began it; nothing was changed."
