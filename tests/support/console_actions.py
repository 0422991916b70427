"""The actions of the console on jobs, batches, runs and plans, each from the page where the user starts.

Each function prepares its data through the API, does the action, and asserts the text of the next page. The keys of
ACTIONS are the URL rules of the forms. tests/e2e/test_console_actions.py runs all of them.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from playwright.sync_api import expect

from tests.support.console_walk import Walk
from tests.support.waiting import wait_until

Json = dict[str, Any]
DIE = """
    UPDATE job SET state = 'dead', outcome = NULL, reason = 'PostgreSQL was away.', finished_at = now() WHERE id = %s
"""


def people(walk: Walk, number: int = 2) -> list[str]:
    """Create *number* profiles; return their external_ids."""
    names = [walk.new_name() for _ in range(number)]
    walk.client.track(attributes=[{"external_id": name, "first_name": name} for name in names])
    return names


def accepted(walk: Walk, *, waiting: bool = False, **headers: str) -> Json:
    """Request a merge of two new profiles; return its finished batch, or with *waiting* a batch in a paused queue."""
    walk.send("PUT", "/merge/queue", {"state": "paused" if waiting else "running"})
    orphan, survivor = people(walk)
    batch_id = walk.client.merge([(orphan, survivor)], **headers)
    return walk.client.batch(batch_id) if waiting else walk.client.finished(batch_id)


def dead_job(walk: Walk) -> str:
    """Return the id of a dead job that finishes when it is retried."""
    walk.send("PUT", "/merge/queue", {"state": "running"})
    batch = walk.client.finished(walk.client.merge([(walk.new_name(), walk.new_name())]))
    job_id: str = batch["jobs"][0]["job_id"]
    walk.execute(DIE, job_id)
    return job_id


def run(walk: Walk, *, waiting: bool, close: bool = True) -> str:
    """Return the id of a run with one merge."""
    run_id: str = walk.send("POST", "/merge/runs", {"label": walk.new_name()})["run_id"]
    accepted(walk, waiting=waiting, Merge_Run=run_id)
    if close:
        walk.send("POST", f"/merge/runs/{run_id}/close")
    return run_id


def plan(walk: Walk) -> str:
    """Return the id of a plan with one pair."""
    orphan, survivor = people(walk)
    pair = {"identifier_to_merge": {"external_id": orphan}, "identifier_to_keep": {"external_id": survivor}}
    plan_id: str = walk.send("POST", "/merge/plans", {"merge_updates": [pair]})["plan_id"]
    return plan_id


def filter_batches(walk: Walk) -> None:
    walk.open("/batches")
    walk.choose("State", "Finished")
    walk.press("Filter")
    expect(walk.page).to_have_url(re.compile("state=finished"))


def filter_batch(walk: Walk) -> None:
    batch = accepted(walk)
    walk.open(f"/batches/{batch['batch_id']}")
    walk.choose("State", "Queued")
    walk.press("Filter")
    walk.sees("No job of this batch matches")


def undo_batch(walk: Walk) -> None:
    walk.open(f"/batches/{accepted(walk)['batch_id']}")
    walk.press_and_confirm("Undo")
    walk.sees("Jobs by outcome")
    expect(walk.main.get_by_role("heading", level=1)).to_contain_text("Batch")


def cancel_batch(walk: Walk) -> None:
    walk.open(f"/batches/{accepted(walk, waiting=True)['batch_id']}")
    walk.press_and_confirm("Cancel")
    walk.sees("Cancelled")


def filter_dead(walk: Walk) -> None:
    walk.open("/dead")
    walk.fill("Identifier", "no-such-person")
    walk.press("Filter")
    walk.sees("No dead job matches")


def filter_jobs(walk: Walk) -> None:
    walk.open("/jobs")
    walk.fill("Identifier", "no-such-person")
    walk.press("Filter")
    walk.sees("No job matches")


def retry_job(walk: Walk) -> None:
    job_id = dead_job(walk)
    walk.open(f"/jobs/{job_id}")
    walk.press_and_confirm("Retry")
    expect(walk.main.get_by_role("heading", level=1)).not_to_contain_text("?")
    wait_until(lambda: walk.client.get(f"/merge/jobs/{job_id}").json()["state"] == "finished", what="the retry")
    # Without JavaScript a page does not change by itself.
    walk.open(f"/jobs/{job_id}")
    walk.sees("Orphan not found")


def undo_job(walk: Walk) -> None:
    walk.open(f"/jobs/{accepted(walk)['jobs'][0]['job_id']}")
    walk.press_and_confirm("Undo")
    expect(walk.main.get_by_role("heading", level=1)).to_contain_text("Batch")


def cancel_job(walk: Walk) -> None:
    walk.open(f"/jobs/{accepted(walk, waiting=True)['jobs'][0]['job_id']}")
    walk.press_and_confirm("Cancel")
    walk.sees("Cancelled")


def retry_all_dead(walk: Walk) -> None:
    dead_job(walk)
    walk.open("/jobs")
    walk.press(re.compile("^Retry all dead"), "link")
    walk.confirm(re.compile("^Retry"))
    expect(walk.page).to_have_url(re.compile("/console/runs/"))


def preview(walk: Walk) -> None:
    orphan, survivor = people(walk)
    walk.open("/merge")
    for title, name in (("Merge this profile", orphan), ("Into this one, which stays", survivor)):
        walk.fill("Value", name, within=walk.main.get_by_role("group", name=title))
    walk.press("Preview")
    walk.sees("Would be: Merged")


def merge(walk: Walk) -> None:
    preview(walk)
    walk.press(re.compile("^Merge"))
    walk.confirm(re.compile("^Merge"))
    expect(walk.main.get_by_role("heading", level=1)).to_contain_text("Batch")


def plan_pairs(walk: Walk) -> None:
    orphan, survivor = people(walk)
    walk.open("/plans")
    walk.main.get_by_label("File of pairs").set_input_files(
        {
            "name": "pairs.csv",
            "mimeType": "text/csv",
            "buffer": f"merge_external_id,keep_external_id\n{orphan},{survivor}\n".encode(),
        }
    )
    walk.press("Plan the pairs")
    walk.sees("1 pair")
    walk.sees("Would end as")


def apply_plan(walk: Walk) -> None:
    walk.send("PUT", "/merge/queue", {"state": "running"})
    walk.open(f"/plans/{plan(walk)}")
    walk.press_and_confirm("Apply")
    walk.sees("Applied")


def discard_plan(walk: Walk) -> None:
    plan_id = plan(walk)
    walk.open(f"/plans/{plan_id}")
    walk.press_and_confirm("Discard")
    expect(walk.main.get_by_role("heading", level=1)).to_have_text("Plans")
    assert walk.client.get(f"/merge/plans/{plan_id}").status_code == 404


def filter_runs(walk: Walk) -> None:
    walk.open("/runs")
    walk.choose("State", "Cancelled")
    walk.press("Filter")
    expect(walk.page).to_have_url(re.compile("state=cancelled"))


def cancel_run(walk: Walk) -> None:
    walk.open(f"/runs/{run(walk, waiting=True)}")
    walk.press_and_confirm("Cancel")
    walk.sees("Cancelled")


def close_run(walk: Walk) -> None:
    walk.open(f"/runs/{run(walk, waiting=True, close=False)}")
    walk.press_and_confirm("Close")
    walk.sees("Closed")


def resume_run(walk: Walk) -> None:
    """Resume a run that the relay paused because one of its two waiting jobs died."""
    run_id = walk.send("POST", "/merge/runs", {"label": walk.new_name(), "max_failures": 0})["run_id"]
    batch = accepted(walk, waiting=True, Merge_Run=run_id)
    accepted(walk, waiting=True, Merge_Run=run_id)
    walk.execute(DIE, batch["jobs"][0]["job_id"])
    wait_until(lambda: walk.client.get(f"/merge/runs/{run_id}").json()["paused_at"], what="the run to be paused")
    walk.open(f"/runs/{run_id}")
    walk.press(re.compile("^Resume"), "link")
    walk.fill(re.compile("^Pause it again above"), "50%")
    walk.confirm(re.compile("^Resume"))
    expect(walk.main.get_by_text("Paused at")).to_have_count(0)


def undo_run(walk: Walk) -> None:
    run_id = run(walk, waiting=False)
    # The relay counts the jobs of runs.
    wait_until(lambda: "merged" in walk.client.get(f"/merge/runs/{run_id}").json()["counts"], what="the count")
    walk.open(f"/runs/{run_id}")
    walk.press_and_confirm("Undo")
    walk.sees("Undoes")


#: URL rule of the form → action.
ACTIONS: Mapping[str, Callable[[Walk], None]] = {
    "/console/batches": filter_batches,
    "/console/batches/<uuid:batch_id>": filter_batch,
    "/console/batches/<uuid:batch_id>/cancel": cancel_batch,
    "/console/batches/<uuid:batch_id>/undo": undo_batch,
    "/console/dead": filter_dead,
    "/console/jobs": filter_jobs,
    "/console/jobs/<uuid:job_id>/cancel": cancel_job,
    "/console/jobs/<uuid:job_id>/retry": retry_job,
    "/console/jobs/<uuid:job_id>/undo": undo_job,
    "/console/jobs/bulk": retry_all_dead,
    "/console/merge": merge,
    "/console/merge/preview": preview,
    "/console/plans": plan_pairs,
    "/console/plans/<uuid:plan_id>/apply": apply_plan,
    "/console/plans/<uuid:plan_id>/discard": discard_plan,
    "/console/runs": filter_runs,
    "/console/runs/<uuid:run_id>/cancel": cancel_run,
    "/console/runs/<uuid:run_id>/close": close_run,
    "/console/runs/<uuid:run_id>/resume": resume_run,
    "/console/runs/<uuid:run_id>/undo": undo_run,
}
