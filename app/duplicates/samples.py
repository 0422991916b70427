"""Groups of a preview that pages show: a few with merges, and a few without a profile to keep."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import monotonic

from app.config import Settings
from app.db.connections import Pool
from app.duplicates.counts import DuplicateCounts
from app.duplicates.preview import preview_steps
from app.merging.keep_rule import GroupPlan
from schemas.keeping import KeepRule, Undecided

#: Groups of each kind.
GROUPS = 10
#: Profiles of a group.
PROFILES = 4
#: Seconds after which a page shows what was counted until then.
MAX_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledGroup:
    """A group of a preview with its first profiles, and the number of all."""

    plan: GroupPlan
    profiles: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledPreview:
    """The counts of a preview, whether they are complete, and a sample of its groups."""

    counts: DuplicateCounts
    complete: bool = False
    merging: list[SampledGroup] = field(default_factory=list)
    undecided: list[SampledGroup] = field(default_factory=list)


def sample_duplicates(
    pool: Pool, settings: Settings, *, workspace_id: int, rule: KeepRule, clock: Callable[[], float] = monotonic
) -> SampledPreview:
    """Return the counts of a run by *rule*, and the first groups."""
    found, until = SampledPreview(counts=DuplicateCounts()), clock() + MAX_S
    for step in preview_steps(pool, settings, workspace_id=workspace_id, rule=rule):
        found = replace(found, counts=found.counts.add_step(step), complete=step.cursor is None)
        for plan in step.plans:
            groups = found.undecided if isinstance(plan.keeper, Undecided) else found.merging
            if len(groups) < GROUPS and (plan.orphans or plan.left or plan.unmerged):
                groups.append(_sampled(plan))
        if clock() >= until:
            break
    return found


def _sampled(plan: GroupPlan) -> SampledGroup:
    others = PROFILES - plan.has_keeper
    orphans = plan.orphans[:others]
    cut = replace(
        plan,
        orphans=orphans,
        left=plan.left[: others - len(orphans)],
        unmerged=plan.unmerged[:PROFILES],
    )
    profiles = plan.has_keeper + len(plan.orphans) + len(plan.left) + len(plan.unmerged)
    return SampledGroup(plan=cut, profiles=profiles)
