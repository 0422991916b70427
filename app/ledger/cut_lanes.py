"""Cut lanes: of a lane with more jobs than a limit of merges per minute allows now, only the first ones are published.

The rest becomes a lane of its own that is due later. It is published when no earlier job of its batch is unfinished, so
that the jobs of the lane still run in order, also when a worker dies or a message is lost.
"""

from collections.abc import Sequence
from itertools import accumulate
from uuid import UUID

from app.db.transaction import Transaction
from app.ledger.dispatch import ClaimedLanes
from app.ledger.execution import QUERIES
from app.ledger.run_pause import delay_jobs

#: Seconds after which the relay looks again whether the first part of a lane has ended, or whether its run is resumed.
LOOK_AGAIN_S, LOOK_AGAIN_PAUSED_S = 0.1, 1.0

Lanes = Sequence[tuple[UUID, ...]]


def publishable_lanes(tx: Transaction, claimed: ClaimedLanes) -> Lanes:
    """Return the claimed lanes without the rests whose earlier jobs are unfinished, which are delayed."""
    rests = [lane for lane in claimed.lanes if lane[0] in claimed.rests]
    if not rests:
        return claimed.lanes
    found = tx.execute(QUERIES["rests_to_hold"], {"ids": [lane[0] for lane in rests]})
    held = {row["id"] for row in found}
    for lane in rests:
        if lane[0] in held:
            _delay_rest(tx, lane, delay_s=LOOK_AGAIN_S)
    return [lane for lane in claimed.lanes if lane[0] not in held]


def delay_paused(tx: Transaction, claimed: ClaimedLanes) -> int:
    """Delay the claimed jobs of paused runs until these are resumed; return how many.

    The rest of a cut lane is looked at again soon instead: its time distinguishes it from a lane of its own.
    """
    delay_jobs(tx, {job_id: run_id for job_id, run_id in claimed.paused.items() if job_id not in claimed.rests})
    if rests := [job_id for job_id in claimed.paused if job_id in claimed.rests]:
        tx.execute(QUERIES["delay_paused_rests"], {"ids": rests, "delay_s": LOOK_AGAIN_PAUSED_S})
    return len(claimed.paused) - len(rests)


def first_lanes(lanes: Lanes, *, most_jobs: int) -> Lanes:
    """Return the first of *lanes* that have up to *most_jobs* jobs together, and at least one lane."""
    totals = accumulate(map(len, lanes))
    return [
        lane for place, (lane, total) in enumerate(zip(lanes, totals, strict=True)) if not place or total <= most_jobs
    ]


def cut_first_lane(tx: Transaction, lanes: Lanes, *, most_jobs: int, rate: float) -> Lanes:
    """Cut the first of *lanes* to *most_jobs* jobs; the rest is due when *rate*, jobs a second, allows it."""
    if not lanes or len(lanes[0]) <= most_jobs:
        return lanes
    _delay_rest(tx, lanes[0][most_jobs:], delay_s=most_jobs / rate)
    return [lanes[0][:most_jobs], *lanes[1:]]


def _delay_rest(tx: Transaction, job_ids: Sequence[UUID], *, delay_s: float) -> None:
    tx.execute(QUERIES["delay_rest"], {"ids": list(job_ids), "delay_s": delay_s})
