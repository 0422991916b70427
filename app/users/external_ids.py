"""The use cases of `/users/external_ids/rename` and `/remove`, each in one transaction."""

import dataclasses
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.audit.log import Asker, Note, note
from app.db.connections import Pool
from app.db.transaction import Transaction, retry_until_stable, run_in_transaction
from app.errors import ResolutionUnsettled
from app.profiles.deprecation import Holder, deprecate, holders, take_over
from app.profiles.deprecation import remove as remove_deprecated
from app.profiles.locking import lock
from app.profiles.store import save
from schemas.audit import Action
from schemas.external_ids import DEPRECATED, IN_USE, NOT_DEPRECATED, PRIMARY, SAME, UNKNOWN, Refusals, Rename


@dataclass(frozen=True, slots=True)
class Plan:
    """What renames come to: who gets which external_id, what becomes deprecated, and what is refused."""

    #: Profile id → new external_id. Whoever is renamed several times is so in as many steps.
    steps: list[dict[int, str]] = field(default_factory=list)
    #: External ids that become deprecated, each with the id of its profile.
    deprecated: dict[str, int] = field(default_factory=dict)
    #: Sentences by the place of the refused rename.
    refused: dict[int, str] = field(default_factory=dict)


def rename(pool: Pool, *, workspace_id: int, renames: Mapping[int, Rename], asker: Asker) -> Refusals:
    """Bring *renames* to effect in their order, each seeing what those before it did; return which were refused.

    The old external_ids become deprecated and keep resolving. A new one that led to a profile merged away no longer
    does. The audit keeps that *asker* had it done.
    """
    return retry_until_stable(pool, workspace_id, _rename, renames=renames, asker=asker)


def remove(pool: Pool, *, workspace_id: int, external_ids: Mapping[int, str], asker: Asker) -> Refusals:
    """Remove those of *external_ids* that are deprecated; return which of them, by their places, are not.

    The audit keeps that *asker* had it done.
    """
    return run_in_transaction(pool, workspace_id, _remove, external_ids=external_ids, asker=asker)


def plan(renames: Mapping[int, Rename], before: Mapping[str, Holder]) -> Plan:
    """Return what *renames* come to, given who has which external_id *before* them."""
    plan = Plan()
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
    """Return why *each* is refused, given which external_ids are *primary* and which are *used* in any way."""
    if each.current == each.new:
        return SAME
    if each.current not in primary:
        return DEPRECATED if each.current in used else UNKNOWN
    return IN_USE if each.new in used else None


def _rename(tx: Transaction, *, renames: Mapping[int, Rename], asker: Asker) -> Refusals:
    """Look up, lock, look again and rename within the caller's transaction."""
    asked = {external_id for each in renames.values() for external_id in (each.current, each.new)}
    before = holders(tx, external_ids=asked)
    planned = plan(renames, before)
    profiles = lock(tx, ids=set(planned.deprecated.values()))
    if holders(tx, external_ids=asked) != before:
        raise ResolutionUnsettled("An external_id got another holder between look and lock.")
    now = tx.now()
    for step in planned.steps:
        save(
            tx,
            [dataclasses.replace(profiles[each], external_id=new, updated_at=now) for each, new in step.items()],
        )
        take_over(tx, external_ids=step.values())
    if planned.deprecated:
        deprecate(tx, old=planned.deprecated, now=now)
    notes = [
        Note(
            braze_id=profiles[planned.deprecated[each.current]].braze_id,
            external_id=each.current,
            new_external_id=each.new,
        )
        for place, each in renames.items()
        if place not in planned.refused
    ]
    note(tx, action=Action.RENAME, asker=asker, notes=notes)
    return planned.refused


def _remove(tx: Transaction, *, external_ids: Mapping[int, str], asker: Asker) -> Refusals:
    """Remove and tell apart within the caller's transaction."""
    asked = set(external_ids.values())
    removed = remove_deprecated(tx, external_ids=asked)
    notes = [Note(braze_id=braze_id, external_id=external_id) for external_id, braze_id in removed.items()]
    note(tx, action=Action.REMOVE, asker=asker, notes=notes)
    primary = holders(tx, external_ids=asked - removed.keys())
    return {
        place: PRIMARY if external_id in primary else NOT_DEPRECATED
        for place, external_id in external_ids.items()
        if external_id not in removed
    }
