"""Everything that a lane's merges write, in an order that constraints and references allow."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from psycopg.types.json import Jsonb

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.lane.decide import Decision, rules_of
from app.lane.working_set import Hand
from app.merging.changes import changes
from app.merging.profile import Profile
from app.profiles.deprecation import take_over_external_ids
from app.profiles.snapshots import profile_to_snapshot
from app.profiles.store import save_profiles

QUERIES = load_queries("app.lane", "lane.sql")


def save_decisions(tx: Transaction, *, hand: Hand, decisions: Sequence[Decision]) -> None:
    """Write all that *decisions* did, with its audit."""
    merges = [decision for decision in decisions if decision.merged]
    if merges:
        # It tells which origins and old names each orphan has, so it comes before these are moved.
        _record(tx, merges=merges)
    if identified := [_identified(decision) for decision in decisions if decision.identified]:
        _write_rows(tx, "record_identified", identified)
    save_effects(tx, hand=hand, decisions=decisions)


def save_effects(tx: Transaction, *, hand: Hand, decisions: Sequence[Decision]) -> None:
    """Write what *decisions* did to the profiles in *hand*: all of it but the audit, which hangs on their jobs."""
    merges = [decision for decision in decisions if decision.merged]
    if merges:
        _retire(tx, hand=hand, merges=merges)
    # Only now is an orphan's external_id free for a survivor that had none.
    save_profiles(tx, hand.survivors)
    given = {decision.identified.external_id for decision in decisions if decision.identified}
    if held := [each.external_id for each in hand.survivors if each.external_id and each.external_id in given]:
        take_over_external_ids(tx, external_ids=held)


def _retire(tx: Transaction, *, hand: Hand, merges: Sequence[Decision]) -> None:
    """Move aliases and origins, retire the orphans, and note where they went."""
    retired = hand.retired
    _move_aliases(tx, hand=hand, merges=merges)
    pairs = {
        "orphan_ids": list(retired.keys()),
        "survivor_ids": list(retired.values()),
    }
    tx.execute(QUERIES["repoint_origins"], pairs)
    tx.execute(QUERIES["add_origins"], pairs)
    tx.execute(QUERIES["retire_orphans"], pairs)
    _move_deprecated(tx, merges=merges)
    _write_rows(tx, "add_redirects", [_redirect(decision) for decision in merges])


def _move_aliases(tx: Transaction, *, hand: Hand, merges: Sequence[Decision]) -> None:
    """Give the orphans' aliases to the live survivors; drop those whose label the survivor already has."""
    orphans = [decision.orphan for decision in merges if decision.orphan]
    retired = hand.retired
    live = {orphan.id: hand[retired[orphan.id]] for orphan in orphans}
    held = [(label, name, live[orphan.id]) for orphan in orphans for label, name in orphan.user_aliases.items()]
    kept = [alias for alias in held if alias[2].user_aliases.get(alias[0]) == alias[1]]
    dropped = [alias for alias in held if alias not in kept]
    for query, aliases in (("drop_aliases", dropped), ("move_aliases", kept)):
        if aliases:
            parameters = {
                "labels": [label for label, _, _ in aliases],
                "names": [name for _, name, _ in aliases],
                "profile_ids": [survivor.id for _, _, survivor in aliases],
            }
            tx.execute(QUERIES[query], parameters)


def _move_deprecated(tx: Transaction, *, merges: Sequence[Decision]) -> None:
    """Let the deprecated external_ids of orphans follow the primary one, where the survivor took that over.

    The others stay with the orphan, and so lead where its redirect does, for merges alone.
    """
    heirs: dict[int, int] = {}
    for decision in merges:
        orphan, survivor, _ = _parties(decision)
        if _takes_over(decision):
            heirs = {each: survivor.id if heir == orphan.id else heir for each, heir in heirs.items()}
            heirs[orphan.id] = survivor.id
    if heirs:
        parameters = {
            "orphan_ids": list(heirs.keys()),
            "survivor_ids": list(heirs.values()),
        }
        tx.execute(QUERIES["move_deprecated"], parameters)


def _write_rows(tx: Transaction, query: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Run an insert whose rows are given as one JSON array."""
    tx.execute(QUERIES[query], {"rows": Jsonb(rows)})


def _redirect(decision: Decision) -> dict[str, Any]:
    """Return the redirect of one merge; it carries the orphan's external_id unless the survivor took that over."""
    orphan, survivor, merged = _parties(decision)
    return {
        "orphan_id": orphan.id,
        "survivor_id": survivor.id,
        "braze_id": orphan.braze_id,
        "external_id": None if merged.external_id == orphan.external_id else orphan.external_id,
        "job_id": str(decision.job.id),
        "merged_at": decision.at,
    }


def _takes_over(decision: Decision) -> bool:
    """Return whether the survivor took over the orphan's external_id, and with it the deprecated ones."""
    orphan, _, merged = _parties(decision)
    return orphan.external_id is not None and merged.external_id == orphan.external_id


def _identified(decision: Decision) -> dict[str, Any]:
    """Return the audit of a decision that gave a profile its external_id."""
    profile = decision.orphan
    return {
        "job_id": str(decision.job.id),
        "identified_at": decision.at,
        "profile_id": profile and profile.id,
        "updated_before": profile and profile.updated_at,
    }


def _record(tx: Transaction, *, merges: Sequence[Decision]) -> None:
    """Write the audit of *merges*, the large documents apart from the rest."""
    parties = [_parties(decision) for decision in merges]
    documents: dict[str, list[Any]] = {
        "orphan_before": [profile_to_snapshot(orphan) for orphan, _, _ in parties],
        "survivor_before": [profile_to_snapshot(survivor, beside=orphan) for orphan, survivor, _ in parties],
        "changes": [
            changes(before=survivor, after=merged, orphan=orphan, rules=rules_of(decision.job.kind))
            for decision, (orphan, survivor, merged) in zip(merges, parties, strict=True)
        ],
    }
    parameters = {name: [orjson.dumps(each).decode() for each in column] for name, column in documents.items()}
    rows = Jsonb(_records(merges))
    tx.execute(QUERIES["record_merges"], {"rows": rows, **parameters})


def _records(merges: Sequence[Decision]) -> list[dict[str, Any]]:
    """Return what *merges* were, each with whom its orphan was by then: itself, and those it absorbed.

    Those of them whose deprecated external_ids it had are told apart.
    """
    records = []
    members: dict[int, list[int]] = {}
    namesakes: dict[int, list[int]] = {}
    for decision in merges:
        orphan, survivor, _ = _parties(decision)
        brought = members.pop(orphan.id, [orphan.id])
        members.setdefault(survivor.id, [survivor.id]).extend(brought)
        named = namesakes.pop(orphan.id, [orphan.id])
        if _takes_over(decision):
            namesakes.setdefault(survivor.id, [survivor.id]).extend(named)
        records.append(
            {
                "job_id": str(decision.job.id),
                "merged_at": decision.at,
                "orphan_id": orphan.id,
                "survivor_id": survivor.id,
                "members": brought,
                "namesakes": named,
            }
        )
    return records


def _parties(decision: Decision) -> tuple[Profile, Profile, Profile]:
    """Return orphan, survivor and merged survivor of a decision to merge."""
    if decision.orphan is None or decision.survivor is None or decision.merged is None:
        message = f"Job {decision.job.id} is decided as {decision.outcome}, which is no merge to save."
        raise ValueError(message)
    return decision.orphan, decision.survivor, decision.merged
