"""A job that always raises ends dead with its error, takes no lane-mate with it, and can be retried when mended."""

from random import Random
from uuid import UUID

from chaos.families import planted
from chaos.planting import plant
from chaos.promises import Promise
from tests.chaos.room import MACHINE_S, Room, once
from tests.support.waiting import wait_until


def test_it_ends_dead_its_mates_are_merged_and_once_mended_it_is_merged_too(room: Room) -> None:
    family = planted(Random(1), "planted")
    client = room.client()
    client.track(**family.tracked())
    room.write(client, ["planted-3"])
    (batch,) = family.batches
    batch_id = str(plant(room.installation, batch))
    wait_until(lambda: client.batch(batch_id)["state"] == "finished", seconds=MACHINE_S, what="the batch to finish")
    first, dead, last = client.batch(batch_id)["jobs"]
    # A busy machine may stall an attempt, which does not count as failed.
    (job,) = room.rows("SELECT attempts - stalled_attempts AS failed FROM job WHERE id = %s", dead["job_id"])
    room.rows(
        """UPDATE job SET orphan_identifier = '{"external_id": "planted-3"}' WHERE id = %s RETURNING 1""",
        dead["job_id"],
    )
    retried = client.post(f"/merge/jobs/{dead['job_id']}/retry", None)
    mended = client.finished(batch_id, seconds=MACHINE_S)["jobs"][1]
    again = client.post(f"/merge/jobs/{dead['job_id']}/retry", None)
    client.close()
    room.promises.batches.append(Promise(batch_id=UUID(batch_id), jobs=3, raises_at=None))
    room.promises.groups["planted"].extend([*family.members, once("planted-3")])

    assert [first["outcome"], last["outcome"]] == ["merged", "merged"]
    assert (dead["state"], dead["outcome"], job["failed"]) == ("dead", None, 5)
    assert dead["reason"] == f"Attempt {dead['attempts']} failed with KeyError; the worker's log has the details."
    assert (retried.status_code, again.status_code) == (202, 409)
    assert (mended["outcome"], mended["attempts"]) == ("merged", 1)
