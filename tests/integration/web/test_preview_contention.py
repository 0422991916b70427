"""Previews of pairs that are merged at the same time."""

from threading import Event, Thread
from typing import Any

from app.db.connections import Pool
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ext, merged, run_jobs
from tests.support.plans import updates_of
from tests.support.profiles import track

#: Number of previews.
PREVIEWS = 40


def test_previews_succeed_while_their_pairs_are_merged(caller: Caller, pool: Pool) -> None:
    names = [f"p{number}" for number in range(6)]
    emails: list[Any] = [
        {"email": f"{name}@example.com", "prioritization": ["most_recently_updated"]} for name in names
    ]
    track(caller, attributes=[{**ext(name), "email": f"{name}@example.com"} for name in names])
    pairs = [(ext("p0"), ext("p1")), (ext("p2"), ext("p3")), (ext("p4"), ext("p5"))]
    stop = Event()

    def merge_and_undo() -> None:
        while not stop.is_set():
            for job in merged(caller, pool, *pairs):
                if job["outcome"] == "merged":
                    run_jobs(caller, pool, caller.post(f"/merge/jobs/{job['job_id']}/undo").json)

    merging = Thread(target=merge_and_undo)
    merging.start()
    try:
        # Later pairs name profiles of earlier pairs, so that one preview locks profiles more than once.
        body = updates_of([*pairs[::-1], (emails[0], emails[2]), (emails[4], emails[1]), *pairs])
        answers = [caller.post("/users/merge/preview", body) for _ in range(PREVIEWS)]
    finally:
        stop.set()
        merging.join()

    assert {answer.status_code for answer in answers} == {200}, [a.json for a in answers if a.status_code != 200][:3]
