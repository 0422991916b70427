"""The preview of a run over duplicates: numbers, and a sample of groups side by side; and the whole as CSV."""

from functools import partial

from flask import Blueprint, g, render_template
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction
from app.duplicates.policy import read_policy
from app.duplicates.samples import sample_duplicates
from app.web.api.duplicates import PLAN, PREVIEW, RUN, preview_csv, requested_rule
from app.web.api.exclusions import EXCLUDE
from app.web.console.auth import signed_in
from app.web.console.duplicates import wording
from app.web.console.plans.pages import by_number
from app.web.resources import pool, read_anywhere, settings
from app.web.workspace_shares import query_share


def add_preview_routes(blueprint: Blueprint) -> None:
    """Add these pages to *blueprint*."""
    blueprint.get("/preview")(duplicate_preview_page)
    blueprint.get("/preview.csv")(export_preview)


@signed_in(permission=PREVIEW)
def duplicate_preview_page() -> ResponseReturnValue:
    """Show what a run would merge now, with the workspace's rule or with the rule in the query; nothing is written."""
    rule = requested_rule()
    with query_share():
        preview = read_anywhere(partial(sample_duplicates, settings=settings(), workspace_id=g.workspace_id, rule=rule))
    with open_transaction(pool(), g.workspace_id) as tx:
        own = read_policy(tx).rule
    return render_template(
        "duplicates/preview.html",
        rule=rule,
        is_own_rule=rule == own,
        preview=preview,
        may_run=g.may(RUN),
        may_plan=g.may(RUN) and g.may(PLAN),
        may_exclude=g.may(EXCLUDE),
        by_number=by_number,
        words=wording,
    )


@signed_in(permission=PREVIEW)
def export_preview() -> ResponseReturnValue:
    """Return the preview as a CSV table, as the API does."""
    return preview_csv(requested_rule())
