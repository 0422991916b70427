"""The page of a profile: identifiers, attributes, activity and its merges."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from itertools import accumulate, islice, takewhile
from typing import Any

from flask import Blueprint, g, render_template
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction
from app.errors import Gone, NotFound
from app.ledger.queries import Job
from app.profiles.lookup import read_profile
from app.web.api.jobs import list_requested_jobs
from app.web.api.profiles import PROFILE, normalize_braze_id
from app.web.auth import POLLING, pool
from app.web.console.auth import signed_in
from app.web.console.field_rows import value_bytes
from app.web.console.profile_audit import latest_entries
from schemas.audit import Action

blueprint = Blueprint("profiles", __name__, url_prefix="/profiles")

#: Plain values of an export by heading; all others come last.
HEADINGS: Mapping[str, tuple[str, ...]] = {
    "Identity": (
        "external_id",
        "braze_id",
        "created_at",
        "updated_at",
        "random_bucket",
        "control_group",
        "test_user",
        "marked_for_deletion_at",
    ),
    "Person": (
        "first_name",
        "last_name",
        "gender",
        "dob",
        "home_city",
        "country",
        "language",
        "time_zone",
        "last_coordinates",
        "facebook",
        "twitter",
    ),
    "Contact": (
        "email",
        "email_encrypted",
        "email_subscribe",
        "email_opted_in_at",
        "email_unsubscribed_at",
        "email_open_tracking_disabled",
        "email_click_tracking_disabled",
        "marked_email_as_spam_at",
        "phone",
        "push_subscribe",
        "push_opted_in_at",
    ),
    "Totals": (
        "session_count",
        "first_session",
        "last_session",
        "purchase_count",
        "total_revenue",
        "first_purchase",
        "last_purchase",
    ),
}
#: Lists of an export, each with the heading of its table.
TABLES: Mapping[str, str] = {
    "user_aliases": "Aliases",
    "custom_events": "Events",
    "purchases": "Purchases",
    "apps": "Apps",
    "campaigns_received": "Campaigns",
    "canvases_received": "Canvases",
    "subscription_groups": "Subscription groups",
    "devices": "Devices",
    "push_tokens": "Push tokens",
}
#: The parts that are mappings with keys of the client's own.
MAPPINGS: Mapping[str, str] = {"custom_attributes": "Custom attributes", "last_interactions": "Last interactions"}
#: Another name of braze_id.
OMITTED = frozenset({"appboy_id"})
#: Limits of rows in each table, and of merges.
MAX_ENTRIES, MAX_MERGES = 100, 25
#: Bytes of all tables of a page, and of the markup of one cell. The page has a limit of 100 kB.
MAX_TABLE_BYTES, CELL_BYTES = 35_000, 60


@blueprint.get("/<braze_id>")
@signed_in(permission="users.export.ids")
def profile_page(braze_id: str) -> ResponseReturnValue:
    """Show a profile with its merges and audit entries.

    A merged-away one: 410 and a link to its survivor. A deleted one: 404 and its entries, if the key may read them.
    """
    braze_id = normalize_braze_id(braze_id)
    entries = latest_entries(braze_id)
    merges = {**_merges(braze_id), "entries": entries}
    try:
        with open_transaction(pool(), g.workspace_id) as tx:
            profile: dict[str, Any] = PROFILE.dump(read_profile(tx, braze_id=braze_id))
    except Gone as gone:
        away = render_template("gone.html", braze_id=braze_id, survivor=gone.survivor_braze_id, **merges)
        return away, HTTPStatus.GONE
    except NotFound:
        if not entries:
            raise
        deleted = next((each for each in entries if each.action is Action.DELETE), None)
        return render_template("deleted.html", braze_id=braze_id, deleted=deleted, **merges), HTTPStatus.NOT_FOUND
    return render_template("profile.html", profile=profile, **_sections(profile), **merges)


def _sections(profile: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of an exported profile by heading."""
    listed = {name for names in HEADINGS.values() for name in names} | TABLES.keys() | MAPPINGS.keys() | OMITTED
    headings = {**HEADINGS, "Further": tuple(sorted(profile.keys() - listed))}
    parts = {
        "tables": [(name, heading, profile[name]) for name, heading in TABLES.items() if profile.get(name)],
        "mappings": [(name, heading, profile[name]) for name, heading in MAPPINGS.items() if profile.get(name)],
    }
    left = MAX_TABLE_BYTES // max(1, sum(map(len, parts.values())))
    return {
        "facts": {
            heading: [(name, profile[name]) for name in names if name in profile] for heading, names in headings.items()
        },
        **{kind: [(*part, _fitting(part[2], most_bytes=left)) for part in of_kind] for kind, of_kind in parts.items()},
    }


def _fitting(entries: Mapping[str, Any] | Sequence[Mapping[str, Any]], *, most_bytes: int) -> int:
    """Return how many of the first *entries* fit into a table of *most_bytes*, at least one."""
    cells = entries.items() if isinstance(entries, Mapping) else [tuple(each.values()) for each in entries]
    sizes = (sum(CELL_BYTES + value_bytes(cell) for cell in row) for row in cells)
    fitting = sum(1 for _ in takewhile(lambda total: total <= most_bytes, accumulate(islice(sizes, MAX_ENTRIES))))
    return max(1, fitting)


def _merges(braze_id: str) -> dict[str, Sequence[Job] | None]:
    """Return the latest jobs with this profile on either side, newest first; None without the permission."""
    if not any(map(g.may, POLLING)):
        return {"came_in": None, "went_out": None}
    jobs = list_requested_jobs({"identifier": braze_id, "limit": str(MAX_MERGES)}).jobs
    return {
        "came_in": [job for job in jobs if job.survivor and job.survivor.braze_id == braze_id],
        "went_out": [job for job in jobs if job.orphan and job.orphan.braze_id == braze_id],
    }
