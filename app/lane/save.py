"""Save the decisions of a lane, in an order that constraints and references allow."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from psycopg.types.json import Jsonb

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.lane.decide import Decision
from app.lane.working_set import WorkingSet
from app.merging import versions
from app.merging.profile import Profile
from app.profiles.deprecation import take_over_external_ids
from app.profiles.snapshots import groups_to_snapshot, profile_to_snapshot
from app.profiles.store import save_profiles

QUERIES = load_queries("app.lane", "lane.sql")


def save_decisions(tx: Transaction, *, working_set: WorkingSet, decisions: Sequence[Decision]) -> None:
    """Write the effects and the audit of *decisions*."""
    merges = [decision for decision in decisions if decision.merged]
    if merges:
        # The audit reads the origins and deprecated external_ids of each orphan: write it before they move.
        _record_merges(tx, merges=merges)
    if identified := [_identify_record(decision) for decision in decisions if decision.identified]:
        _write_rows(tx, "record_identified", identified)
    save_effects(tx, working_set=working_set, decisions=decisions)


def save_effects(tx: Transaction, *, working_set: WorkingSet, decisions: Sequence[Decision]) -> None:
    """Write the effects of *decisions* on the profiles of *working_set*, without the audit, which refers to jobs."""
    merges = [decision for decision in decisions if decision.merged]
    if merges:
        _retire(tx, working_set=working_set, merges=merges)
    # After the orphans are retired: their external_ids are free then for survivors without one.
    save_profiles(tx, working_set.survivors)
    given = {decision.identified.external_id for decision in decisions if decision.identified}
    if held := [each.external_id for each in working_set.survivors if each.external_id and each.external_id in given]:
        take_over_external_ids(tx, external_ids=held)


def _retire(tx: Transaction, *, working_set: WorkingSet, merges: Sequence[Decision]) -> None:
    """Move aliases and origins, delete the orphans, and add their redirects."""
    retired = working_set.retired
    _move_aliases(tx, working_set=working_set, merges=merges)
    pairs = {
        "orphan_ids": list(retired.keys()),
        "survivor_ids": list(retired.values()),
    }
    tx.execute(QUERIES["repoint_origins"], pairs)
    tx.execute(QUERIES["add_origins"], pairs)
    tx.execute(QUERIES["retire_orphans"], pairs)
    _move_deprecated(tx, merges=merges)
    _write_rows(tx, "add_redirects", [_redirect(decision) for decision in merges])


def _move_aliases(tx: Transaction, *, working_set: WorkingSet, merges: Sequence[Decision]) -> None:
    """Move the orphans' aliases to the live survivors; delete the aliases whose label the survivor has."""
    orphans = [decision.orphan for decision in merges if decision.orphan]
    retired = working_set.retired
    live = {orphan.id: working_set[retired[orphan.id]] for orphan in orphans}
    held = [(label, name, live[orphan.id]) for orphan in orphans for label, name in orphan.user_aliases.items()]
    kept = [alias for alias in held if alias[2].user_aliases.get(alias[0]) == alias[1]]
    dropped = [alias for alias in held if alias not in kept]
    for query, aliases in (("drop_aliases", dropped), ("move_aliases", kept)):
        if aliases:
            parameters = {
                "labels": [label for label, _, _ in aliases],
                "names": [name for _, name, _ in aliases],
                "profile_ids": [survivor.id for _, _, survivor in aliases],
                "orphan_ids": list(retired.keys()),
            }
            tx.execute(QUERIES[query], parameters)


def _move_deprecated(tx: Transaction, *, merges: Sequence[Decision]) -> None:
    """Move the deprecated external_ids of each orphan whose primary one the survivor took over.

    The others stay with the orphan. Merges resolve them to the survivor by its redirect.
    """
    new_owners: dict[int, int] = {}
    for decision in merges:
        orphan, survivor, _ = _profiles_of(decision)
        if _takes_over_external_id(decision):
            new_owners = {each: survivor.id if owner == orphan.id else owner for each, owner in new_owners.items()}
            new_owners[orphan.id] = survivor.id
    if new_owners:
        parameters = {
            "orphan_ids": list(new_owners.keys()),
            "survivor_ids": list(new_owners.values()),
        }
        tx.execute(QUERIES["move_deprecated"], parameters)


def _write_rows(tx: Transaction, query: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Run the insert *query*, which takes its rows as one JSON array."""
    tx.execute(QUERIES[query], {"rows": Jsonb(rows)})


def _redirect(decision: Decision) -> dict[str, Any]:
    """Return the redirect of a merge. It has the orphan's external_id unless the survivor took that over."""
    orphan, survivor, merged = _profiles_of(decision)
    return {
        "orphan_id": orphan.id,
        "survivor_id": survivor.id,
        "braze_id": orphan.braze_id,
        "external_id": None if merged.external_id == orphan.external_id else orphan.external_id,
        "job_id": str(decision.job.id),
        "merged_at": decision.at,
    }


def _takes_over_external_id(decision: Decision) -> bool:
    orphan, _, merged = _profiles_of(decision)
    return orphan.external_id is not None and merged.external_id == orphan.external_id


def _identify_record(decision: Decision) -> dict[str, Any]:
    profile = decision.orphan
    return {
        "job_id": str(decision.job.id),
        "identified_at": decision.at,
        "profile_id": profile and profile.id,
        "updated_before": profile and profile.updated_at,
    }


def _record_merges(tx: Transaction, *, merges: Sequence[Decision]) -> None:
    """Write the audit of *merges*: what their changes can be computed from.

    The large documents are parameters of their own, beside the rows.
    """
    profiles = [_profiles_of(decision) for decision in merges]
    documents = {
        "orphan_before": [profile_to_snapshot(orphan) for orphan, _, _ in profiles],
        "survivor_before": [
            profile_to_snapshot(survivor, beside=orphan) | groups_to_snapshot(decision.groups.of(orphan, survivor))
            for decision, (orphan, survivor, _) in zip(merges, profiles, strict=True)
        ],
    }
    parameters = {name: [orjson.dumps(each).decode() for each in column] for name, column in documents.items()}
    rows = Jsonb(_merge_records(merges))
    tx.execute(QUERIES["record_merges"], {"rows": rows, "rules": versions.CURRENT, **parameters})


def _merge_records(merges: Sequence[Decision]) -> list[dict[str, Any]]:
    """Return a row for each of *merges*, with the ids whose origins and deprecated external_ids its orphan had.

    `members` are the orphan and the profiles that this lane merged into it before: their origins moved with it.
    `external_id_holders` are those of them whose deprecated external_ids the orphan had.
    """
    records = []
    members: dict[int, list[int]] = {}
    external_id_holders: dict[int, list[int]] = {}
    for decision in merges:
        orphan, survivor, _ = _profiles_of(decision)
        orphan_members = members.pop(orphan.id, [orphan.id])
        members.setdefault(survivor.id, [survivor.id]).extend(orphan_members)
        orphan_holders = external_id_holders.pop(orphan.id, [orphan.id])
        if _takes_over_external_id(decision):
            external_id_holders.setdefault(survivor.id, [survivor.id]).extend(orphan_holders)
        records.append(
            {
                "job_id": str(decision.job.id),
                "merged_at": decision.at,
                "orphan_id": orphan.id,
                "survivor_id": survivor.id,
                "members": orphan_members,
                "external_id_holders": orphan_holders,
            }
        )
    return records


def _profiles_of(decision: Decision) -> tuple[Profile, Profile, Profile]:
    """Return orphan, survivor and merged survivor of the merge *decision*."""
    if decision.orphan is None or decision.survivor is None or decision.merged is None:
        message = f"Job {decision.job.id} is decided as {decision.outcome}, which is no merge to save."
        raise ValueError(message)
    return decision.orphan, decision.survivor, decision.merged
