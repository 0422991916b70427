"""A page that asks before an action, with the number of what it concerns."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import g, render_template, url_for


def confirmation_page(
    title: str, sentences: Sequence[str], *, button: str, back: str, fields: Mapping[str, object] | None = None
) -> str:
    """Return the page with *sentences* and a form that posts *fields* to the same URL; *back* is the URL of Cancel.

    A field without a value is left out.
    """
    given = {name: value for name, value in (fields or {}).items() if value is not None}
    return render_template(
        "operations/confirm.html", title=title, sentences=sentences, button=button, back=back, fields=given
    )


def jobs_in_words(jobs: int) -> str:
    """Return the number of *jobs* with its noun: `1 job`, `1,200 jobs`."""
    return f"{jobs:,} job" if jobs == 1 else f"{jobs:,} jobs"


def permitted_url(permission: str, endpoint: str, **values: Any) -> str:
    """Return the URL of a page, or that of the overview for a key without the *permission* of the page."""
    return url_for(endpoint, **values) if g.may(permission) else url_for("console.home.home_page")
