"""Creates groups of duplicates, and runs duplicate runs without a relay."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from app.audit.log import Actor
from app.config import Settings
from app.db.connections import Pool
from app.db.transaction import run_in_transaction
from app.duplicates import advance, runs
from app.duplicates.exclusions import add_exclusions
from app.merging.profile import Profile
from schemas.exclusions import RequestedExclusion
from schemas.identifiers import BrazeId
from schemas.keeping import KeepRule, RunTrigger
from tests.support.factories import LONG_AGO, Factory

ASKER = Actor(api_key_id=None, request_id=None, path="/duplicates/exclusions")
OF_BATCHES = """
    SELECT job.orphan_identifier ->> 'braze_id' AS orphan, job.survivor_identifier ->> 'braze_id' AS survivor
    FROM job JOIN batch ON batch.workspace_id = job.workspace_id AND batch.id = job.batch_id
    WHERE job.workspace_id = %s AND batch.source = 'duplicates'
    ORDER BY job.batch_id, job.index
"""


def at(day: int) -> Any:
    """Return the time *day* days after the start."""
    return LONG_AGO + timedelta(days=day)


def a_group(factory: Factory, address: str, *days: int, **fields: Any) -> list[Profile]:
    """Create a profile for each of *days*, with the email *address*; it is created and updated on that day."""
    return [factory.profile(email=address, created_at=at(day), updated_at=at(day), **fields) for day in days]


def begin(pool: Pool, factory: Factory, rule: KeepRule | None = None) -> UUID:
    """Start a run, and return its id."""
    return run_in_transaction(pool, factory.workspace_id, runs.start_run, rule or KeepRule(), trigger=RunTrigger.API)


def take_steps(pool: Pool, factory: Factory, settings: Settings | None = None) -> int:
    """Advance the run until no step is left; return the number of steps."""
    steps = 0
    while advance.advance_run(pool, settings or Settings(), workspace_id=factory.workspace_id):
        steps += 1
    return steps


def run_of(pool: Pool, factory: Factory, run_id: UUID) -> runs.DuplicateRun:
    """Return the current state of a run."""
    return run_in_transaction(pool, factory.workspace_id, runs.read_run, run_id=run_id)


def pairs(factory: Factory) -> list[tuple[str, str]]:
    """Return the braze_ids of orphan and survivor of all jobs that runs have created, in their order."""
    return [(row["orphan"], row["survivor"]) for row in factory.rows(OF_BATCHES)]


def merges(orphans: list[Profile], survivor: Profile) -> list[tuple[str, str]]:
    """Return the pairs that merge *orphans* into *survivor*."""
    return [(orphan.braze_id, survivor.braze_id) for orphan in orphans]


def exclude(pool: Pool, factory: Factory, *excluded: tuple[Profile, Profile]) -> None:
    """Record pairs that are not a match."""
    requested = [
        RequestedExclusion(profiles=tuple(BrazeId(each.braze_id) for each in pair), reason="twins") for pair in excluded
    ]
    add_exclusions(pool, workspace_id=factory.workspace_id, requested=requested, asker=ASKER)


def numbers(counts: Any) -> Mapping[str, Any]:
    """Return the counts of a run that are not zero."""
    return {name: value for name, value in counts.to_json().items() if value}
