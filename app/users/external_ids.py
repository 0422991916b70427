"""The use cases of `/users/external_ids/rename` and `/remove`, each in one transaction."""

import dataclasses
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.audit.log import Actor, AuditEvent, log_events
from app.db.connections import Pool
from app.db.transaction import Transaction, Wrapper, retry_until_stable, run_in_transaction, unchanged
from app.errors import ResolutionUnsettled
from app.profiles.deprecation import (
    ExternalIdHolder,
    deprecate_external_ids,
    find_external_id_holders,
    remove_deprecated_external_ids,
    take_over_external_ids,
)
from app.profiles.locking import lock_profiles
from app.profiles.store import save_profiles
from schemas.audit import Action
from schemas.external_ids import DEPRECATED, IN_USE, NOT_DEPRECATED, PRIMARY, SAME, UNKNOWN, Refusals, Rename


@dataclass(frozen=True, slots=True)
class RenamePlan:
    """The effect of several renames."""

    #: Profile id → new external_id. A profile that is renamed n times is in n steps.
    steps: list[dict[int, str]] = field(default_factory=list)
    #: External_id that becomes deprecated → id of its profile.
    deprecated: dict[str, int] = field(default_factory=dict)
    #: Place of a refused rename → the reason, as a sentence for the client.
    refused: dict[int, str] = field(default_factory=dict)


def rename_external_ids(
    pool: Pool, *, workspace_id: int, renames: Mapping[int, Rename], asker: Actor, once: Wrapper = unchanged
) -> Refusals:
    """Apply *renames* in order, each seeing the effect of those before it; return the refused ones.

    The old external_ids become deprecated and keep resolving. Redirects of the new ones end. The audit records *asker*.
    """
    return retry_until_stable(pool, workspace_id, once(_rename_external_ids), renames=renames, asker=asker)


def remove_external_ids(
    pool: Pool, *, workspace_id: int, external_ids: Mapping[int, str], asker: Actor, once: Wrapper = unchanged
) -> Refusals:
    """Remove the deprecated ones among *external_ids*; return the others, refused, by their places.

    The audit records *asker*.
    """
    return run_in_transaction(pool, workspace_id, once(_remove_external_ids), external_ids=external_ids, asker=asker)


def plan_renames(renames: Mapping[int, Rename], before: Mapping[str, ExternalIdHolder]) -> RenamePlan:
    """Return the effect of *renames*, from the holders of the external_ids *before* them."""
    plan = RenamePlan()
    primary = {external_id: holder.profile_id for external_id, holder in before.items() if holder.is_primary}
    used = set(before)
    times: Counter[int] = Counter()
    for place, each in renames.items():
        refusal = _refusal(each, primary=primary, used=used)
        if refusal is not None:
            plan.refused[place] = refusal
            continue
        profile_id = primary.pop(each.current)
        primary[each.new] = plan.deprecated[each.current] = profile_id
        used.add(each.new)
        plan.steps.extend({} for _ in range(times[profile_id] + 1 - len(plan.steps)))
        plan.steps[times[profile_id]][profile_id] = each.new
        times[profile_id] += 1
    return plan


def _refusal(each: Rename, *, primary: Mapping[str, int], used: set[str]) -> str | None:
    """Return the reason to refuse *each*, or None; *used* are primary and deprecated external_ids."""
    if each.current == each.new:
        return SAME
    if each.current not in primary:
        return DEPRECATED if each.current in used else UNKNOWN
    return IN_USE if each.new in used else None


def _rename_external_ids(tx: Transaction, *, renames: Mapping[int, Rename], asker: Actor) -> Refusals:
    named = {external_id for each in renames.values() for external_id in (each.current, each.new)}
    before = find_external_id_holders(tx, external_ids=named)
    plan = plan_renames(renames, before)
    profiles = lock_profiles(tx, ids=set(plan.deprecated.values()))
    if find_external_id_holders(tx, external_ids=named) != before:
        raise ResolutionUnsettled("An external_id moved to another profile before its profile was locked.")
    now = tx.now()
    for step in plan.steps:
        renamed = [dataclasses.replace(profiles[each], external_id=new, updated_at=now) for each, new in step.items()]
        save_profiles(tx, renamed)
        take_over_external_ids(tx, external_ids=step.values())
    if plan.deprecated:
        deprecate_external_ids(tx, profile_ids=plan.deprecated, now=now)
    notes = [
        AuditEvent(
            braze_id=profiles[plan.deprecated[each.current]].braze_id,
            external_id=each.current,
            new_external_id=each.new,
        )
        for place, each in renames.items()
        if place not in plan.refused
    ]
    log_events(tx, action=Action.RENAME, actor=asker, events=notes)
    return plan.refused


def _remove_external_ids(tx: Transaction, *, external_ids: Mapping[int, str], asker: Actor) -> Refusals:
    named = set(external_ids.values())
    removed = remove_deprecated_external_ids(tx, external_ids=named)
    notes = [AuditEvent(braze_id=braze_id, external_id=external_id) for external_id, braze_id in removed.items()]
    log_events(tx, action=Action.REMOVE, actor=asker, events=notes)
    primary = find_external_id_holders(tx, external_ids=named - removed.keys())
    return {
        place: PRIMARY if external_id in primary else NOT_DEPRECATED
        for place, external_id in external_ids.items()
        if external_id not in removed
    }
