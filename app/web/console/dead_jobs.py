"""The page of dead jobs with their last errors."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from app.web.auth import POLLING
from app.web.console import jobs
from app.web.console.auth import signed_in
from app.web.console.filters import read_filter, redirect_to_filter
from app.web.console.jobs import job_list_context
from schemas.outcomes import JobState

blueprint = Blueprint("dead_jobs", __name__)

DEAD = {"state": JobState.DEAD.value}
FILTERS = tuple(name for name in jobs.FILTERS if name not in {"state", "outcome", "undone"})
LIST = "console.dead_jobs.dead_jobs_page"


@blueprint.get("/dead")
@signed_in(permission=POLLING)
def dead_jobs_page() -> ResponseReturnValue:
    """Show a page of dead jobs with the filter in the URL."""
    context = job_list_context(read_filter(FILTERS), endpoint=LIST, fixed=DEAD)
    return render_template("dead.html", **context)


@blueprint.post("/dead")
@signed_in(permission=POLLING)
def submit_dead_job_filter() -> ResponseReturnValue:
    """Redirect to the list with the filter of the form."""
    return redirect_to_filter(LIST, FILTERS)
