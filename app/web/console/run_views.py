"""A run as pages show it."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import g

from app.db.clock import SERVER_CLOCK
from app.db.transaction import Transaction
from app.ledger import run_lists
from app.ledger.runs import MergeRun
from app.ledger.undo_time import UNDOABLE
from app.web.api.runs import MANAGE
from app.web.console import marks
from app.web.console.marks import Mark
from app.web.console.permitted import may_change_run
from app.web.console.progress import BatchProgress
from schemas.outcomes import SETTLED, JobState, RunKind, RunStatus

#: Actions that also need the permission of the jobs.
ON_JOBS = frozenset({"cancel", "undo"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run as a page shows it."""

    run: MergeRun
    #: Its merges that were undone since.
    undone: int

    @property
    def name(self) -> str:
        return self.run.label or f"{self.run.kind.value.capitalize()} run"

    @property
    def mark(self) -> Mark:
        return marks.state_of_run(self.run, undone=self.undone)

    @property
    def marks(self) -> list[tuple[Mark, int]]:
        return marks.marks_of_run(self.run, undone=self.undone)

    @property
    def progress(self) -> BatchProgress:
        return marks.progress_of_run(self.run, undone=self.undone)

    @property
    def is_unfinished(self) -> bool:
        return self.run.state in {RunStatus.OPEN, RunStatus.RUNNING}

    @property
    def remaining_s(self) -> float | None:
        """The estimated time until its end, in seconds."""
        end = self.run.estimated_finish_at
        if end is None or not self.is_unfinished:
            return None
        return max(1.0, (end - SERVER_CLOCK.moment()).total_seconds())

    @property
    def waiting(self) -> int:
        """Jobs that no worker has begun."""
        return self.run.counts.get(JobState.QUEUED, 0)

    @property
    def undoable(self) -> int:
        """Merges that an undo would revert."""
        return max(0, sum(self.run.counts.get(outcome, 0) for outcome in UNDOABLE) - self.undone)

    @property
    def actions(self) -> list[str]:
        """The actions that its state allows."""
        offered = {
            "resume": self.run.paused_at is not None,
            "close": self.run.state is RunStatus.OPEN,
            "cancel": self.is_unfinished and self.run.cancelled_at is None and self.run.kind is not RunKind.IMPORT,
            "undo": self.run.kind is not RunKind.UNDO and self.undoable > 0 and not self._has_unfinished_jobs,
        }
        return [name for name, is_offered in offered.items() if is_offered]

    @property
    def _has_unfinished_jobs(self) -> bool:
        return any(self.run.counts.get(state) for state in JobState if state not in SETTLED)


def view_runs(tx: Transaction, listed: Sequence[MergeRun]) -> list[RunView]:
    """Return *listed* as a page shows them, with the number of their undone merges."""
    undone = run_lists.count_undone(tx, listed=listed) if listed else {}
    return [RunView(run=run, undone=undone.get(run.id, 0)) for run in listed]


def permitted_actions(tx: Transaction, view: RunView) -> list[str]:
    """Return the actions on a run that its state and the key allow."""
    if not (view.actions and g.may(MANAGE)):
        return []
    on_jobs = ON_JOBS.isdisjoint(view.actions) or may_change_run(tx, run_id=view.run.id)
    return [action for action in view.actions if on_jobs or action not in ON_JOBS]
