"""What every page of the console has in common: its policy for browsers, its navigation, and how values are written."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from flask import Blueprint, Response, g, request

from app.ledger.queries import Batch, Job
from app.web.auth import POLLING
from app.web.console import csrf
from app.web.console.progress import BatchProgress, label_of, tone_of
from app.web.merge_undo import PERMISSIONS
from app.web.resources import settings
from schemas.outcomes import JobState, Outcome

#: Scripts, styles, pictures, forms and requests of this server alone, and none written into a page.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    # Other sites learn nothing; but without any referrer browsers would not say either where a form comes from.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
#: Characters of an external_id that a heading shows.
MOST_IN_HEADING = 80
#: The pages that the navigation leads to: endpoint, name, and the permissions of which any one lets a key see it.
NAVIGATION: tuple[tuple[str, str, tuple[str, ...] | None], ...] = (
    ("console.home.home_page", "Overview", None),
    ("console.batches.batch_list_page", "Batches", POLLING),
    ("console.jobs.job_list_page", "Jobs", POLLING),
    ("console.dead.page", "Dead jobs", POLLING),
    ("console.throughput.page", "Throughput", POLLING),
    ("console.merging.merge_form_page", "Merge", ("users.merge",)),
)


def register_layout(blueprint: Blueprint) -> None:
    """Give the pages of *blueprint* what they have in common."""
    blueprint.before_request(_refuse_other_sites)
    blueprint.after_request(_protect)
    blueprint.context_processor(_common)
    blueprint.add_app_template_filter(format_time, "moment")
    blueprint.add_app_template_filter(label_of, "label")
    blueprint.add_app_template_filter(tone_of, "tone")
    blueprint.add_app_template_filter(batch_progress, "progress")
    blueprint.add_app_template_test(is_undoable, "undoable")
    blueprint.add_app_template_filter(format_value, "text")
    blueprint.add_app_template_filter(shorten, "short")
    blueprint.add_app_template_filter(table_columns, "columns")
    blueprint.add_app_template_filter(outcome_counts, "counts")


def format_time(value: datetime | None) -> str:
    """Return *value* in UTC to the second, as people read it; "" for none."""
    return "" if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def format_value(value: Any) -> str:
    """Return any value of a profile as text: text as it is, everything else as JSON writes it."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def shorten(value: str) -> str:
    """Return *value* cut to what a heading holds."""
    return value if len(value) <= MOST_IN_HEADING else f"{value[:MOST_IN_HEADING]}…"


def table_columns(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the columns that a table of *entries* needs, in the order in which they come up."""
    return list(dict.fromkeys(name for entry in entries for name in entry))


def outcome_counts(batch: Batch) -> list[tuple[JobState | Outcome, int]]:
    """Return how many jobs of *batch* have which outcome, or are in which state if they have none, most first."""
    found: Counter[JobState | Outcome] = Counter()
    for tally in batch.tallies:
        found[tally.outcome or tally.state] += tally.jobs
    return found.most_common()


def is_undoable(job: Job) -> bool:
    """Return whether an undo of *job* is worth offering: it did something, was not undone, and the key may undo it."""
    done = job.outcome in {Outcome.MERGED, Outcome.IDENTIFIED} and job.undone_at is None
    return done and job.kind in PERMISSIONS and bool(g.may(PERMISSIONS[job.kind]))


def batch_progress(batch: Batch) -> BatchProgress:
    """Return how far *batch* is."""
    return BatchProgress.of(batch)


def _refuse_other_sites() -> None:
    """Raise Forged when another site's page sends a form here."""
    if request.method == "POST":
        csrf.check_origin()


def _protect(response: Response) -> Response:
    """Give an answer the headers of a page."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _common() -> dict[str, Any]:
    """Return what every template knows."""
    me = g.get("sign_in")
    navigation = [
        {"endpoint": endpoint, "name": name, "here": _is_here(endpoint)}
        for endpoint, name, wanted in NAVIGATION
        if me is not None and (wanted is None or any(map(me.holder.may, wanted)))
    ]
    return {
        "me": me,
        "may": me.holder.may if me else (lambda _: False),
        "form_token": csrf.form_token(),
        "form_field": csrf.FIELD,
        "navigation": navigation,
        "request_id": g.get("request_id", ""),
        "flower_url": settings().flower_url.rstrip("/"),
    }


def _is_here(endpoint: str) -> bool:
    """Return whether the page that is shown belongs to the part of the console that *endpoint* opens."""
    return (request.endpoint or "").rpartition(".")[0] == endpoint.rpartition(".")[0]
