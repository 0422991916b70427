"""Pages of the audit: the entries by actor, action, identifier and date, one entry with both states, and the export."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.audit.entries import AuditEntry
from app.errors import Rejected
from app.web.api import keys
from app.web.api.audit import READ, export_response, find_entry, page_of_entries
from app.web.console.audit_links import links_of
from app.web.console.auth import signed_in
from schemas.audit import Action, AuditCursor, Form
from schemas.paging import MAX_LIMIT

blueprint = Blueprint("audit", __name__, url_prefix="/audit")

#: Fields of the filter form; an empty one does not filter.
FILTERS = ("action", "key", "identifier", "job_id", "from", "to")
CURSOR = AuditCursor()
#: Rows of a comparison on a page; the API returns the others.
MAX_ROWS = 500
WRONG_DAY = "'{name}' must be a day such as 2026-01-31"


@blueprint.get("")
@signed_in(permission=READ)
def audit_list_page() -> ResponseReturnValue:
    """Show a page of entries, newest first, by the filter of the URL."""
    return _list(request.args)


@blueprint.post("")
@signed_in(permission=READ)
def audit_search_page() -> ResponseReturnValue:
    """Show a page of entries about an identifier, which is in the form so that it is in no URL and no access log."""
    given = _filled(request.form)
    if "identifier" in given:
        return _list(given)
    return redirect(f"{url_for('console.audit.audit_list_page')}?{urlencode(given)}", HTTPStatus.SEE_OTHER)


@blueprint.post("/export")
@signed_in(permission=READ)
def submit_export() -> ResponseReturnValue:
    """Return the filtered entries as a file. Like the search, the form keeps the identifier out of the URL."""
    return export_response({**_api_query(_filled(request.form)), "format": request.form.get("format", Form.CSV.value)})


@blueprint.get("/<uuid:entry_id>")
@signed_in(permission=READ)
def audit_entry_page(entry_id: UUID) -> ResponseReturnValue:
    """Show an entry with its changes, and each profile before and after it."""
    entry = find_entry(entry_id)
    return render_template(
        "audit/entry.html",
        entry=entry,
        links=links_of(entry),
        changes=entry.changes[:MAX_ROWS],
        more=max(0, len(entry.changes) - MAX_ROWS),
        states=_states(entry),
        most_rows=MAX_ROWS,
    )


def _list(arguments: Mapping[str, str]) -> str:
    given = {name: value for name, value in arguments.items() if value}
    entries, next_cursor = page_of_entries(_api_query(given))
    known = keys.page_of_keys({"limit": MAX_LIMIT})[0] if g.may(keys.READ) else []
    return render_template(
        "audit/list.html",
        entries=entries,
        links={entry.id: links_of(entry) for entry in entries},
        filters={name: value for name, value in given.items() if name != "cursor"},
        is_first_page="cursor" not in given,
        older=CURSOR.serialize("cursor", {"cursor": next_cursor}),
        actions=list(Action),
        keys=known,
        key_is_known=any(str(each.id) == given.get("key") for each in known),
    )


def _filled(form: Mapping[str, str]) -> dict[str, str]:
    """Return the filled fields of a form that are part of a filter."""
    return {name: value for name in (*FILTERS, "cursor") if (value := form.get(name, "").strip())}


def _api_query(given: Mapping[str, str]) -> dict[str, str]:
    """Return the query of the API for a filter. `from` and `to` are whole days of UTC, both included."""
    query = dict(given)
    for name, days in (("from", 0), ("to", 1)):
        if name in query:
            query[name] = f"{_day(name, query[name]) + timedelta(days=days)}T00:00:00Z"
    return query


def _day(name: str, text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Rejected(WRONG_DAY.format(name=name)) from None
    if day == date.max:
        raise Rejected(WRONG_DAY.format(name=name))
    return day


def _states(entry: AuditEntry) -> Sequence[tuple[str, Mapping[str, Any]]]:
    """Return the title and the fields of each profile before and after, if they say more than the changes."""
    changed = {each["field"] for each in entry.changes}
    found = [(f"{side.capitalize()} before", fields) for side, fields in entry.before.items()]
    found += [(f"{side.capitalize()} after", fields) for side, fields in entry.after.items()]
    return [(title, fields) for title, fields in found if fields.keys() - changed]
