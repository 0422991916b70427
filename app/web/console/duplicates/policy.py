"""The page that changes the policy for duplicates."""

from http import HTTPStatus
from typing import Any

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError

from app.db.transaction import open_transaction, run_in_transaction
from app.duplicates.policy import read_policy, set_policy
from app.errors import Rejected
from app.web.api.duplicates import POLICY, RUN
from app.web.console.auth import signed_in
from app.web.console.duplicates import wording
from app.web.errors import first_sentence
from app.web.json_bodies import check_text
from app.web.resources import pool
from schemas.duplicates import load_policy

#: The members of a policy that the form has.
MEMBERS = ("identifier", "resolve_ties_by", "prefer", "daily_at", "time_zone")


def add_policy_routes(blueprint: Blueprint) -> None:
    """Add this page to *blueprint*."""
    blueprint.get("/policy")(policy_page)
    blueprint.post("/policy")(submit_policy)


@signed_in(permission=RUN)
def policy_page() -> ResponseReturnValue:
    """Show the policy as a form."""
    with open_transaction(pool(), g.workspace_id) as tx:
        policy = POLICY.dump(read_policy(tx))
    return _page(policy)


@signed_in(permission=RUN)
def submit_policy() -> ResponseReturnValue:
    """Set the policy and redirect to the list of runs; 400 with the fault and the form as it was sent."""
    given: dict[str, Any] = {name: request.form.get(name, "").strip() for name in MEMBERS}
    body = {**given, "daily_at": given["daily_at"] or None, "time_zone": given["time_zone"] or "UTC"}
    try:
        check_text(body)
        policy = load_policy(body)
    except (ValidationError, Rejected) as error:
        fault = first_sentence(error.messages) if isinstance(error, ValidationError) else str(error)
        return _page(given, fault=fault), HTTPStatus.BAD_REQUEST
    run_in_transaction(pool(), g.workspace_id, set_policy, policy)
    return redirect(url_for("console.duplicates.duplicates_page"), HTTPStatus.SEE_OTHER)


def _page(policy: Any, *, fault: str | None = None) -> str:
    return render_template("duplicates/policy.html", policy=policy, fault=fault, words=wording)
