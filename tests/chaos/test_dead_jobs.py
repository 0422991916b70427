"""A job that always raises ends dead with its error, the others of its lane finish, and a later retry merges it."""

from random import Random
from uuid import UUID

from chaos.families import planted
from chaos.planting import plant
from chaos.promises import Promise
from tests.chaos.harness import MACHINE_S, Harness, once
from tests.support.waiting import wait_until


def test_a_job_ends_dead_while_its_lane_is_merged_and_is_merged_after_a_repair(harness: Harness) -> None:
    family = planted(Random(1), "planted")
    client = harness.client()
    client.track(**family.tracked())
    harness.write(client, ["planted-3"])
    (batch,) = family.batches
    batch_id = str(plant(harness.installation, batch))
    wait_until(lambda: client.batch(batch_id)["state"] == "finished", seconds=MACHINE_S, what="the batch to finish")
    first, dead, last = client.batch(batch_id)["jobs"]
    # A busy machine may stall an attempt, which does not count as failed.
    (job,) = harness.rows("SELECT attempts - stalled_attempts AS failed FROM job WHERE id = %s", dead["job_id"])
    harness.rows(
        """UPDATE job SET orphan_identifier = '{"external_id": "planted-3"}' WHERE id = %s RETURNING 1""",
        dead["job_id"],
    )
    retried = client.post(f"/merge/jobs/{dead['job_id']}/retry", None)
    mended = client.finished(batch_id, seconds=MACHINE_S)["jobs"][1]
    again = client.post(f"/merge/jobs/{dead['job_id']}/retry", None)
    client.close()
    harness.promises.batches.append(Promise(batch_id=UUID(batch_id), jobs=3, raises_at=None))
    harness.promises.groups["planted"].extend([*family.members, once("planted-3")])

    assert [first["outcome"], last["outcome"]] == ["merged", "merged"]
    assert (dead["state"], dead["outcome"], job["failed"]) == ("dead", None, 5)
    assert dead["reason"] == f"Attempt {dead['attempts']} failed with KeyError; the worker's log has the details."
    assert (retried.status_code, again.status_code) == (202, 409)
    assert (mended["outcome"], mended["attempts"]) == ("merged", 1)
