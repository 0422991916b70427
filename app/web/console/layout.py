"""Common to all pages of the console: security headers, navigation and template filters."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from flask import Blueprint, Response, g, request

from app.ledger.queries import Batch
from app.merging.rules import RULE_SENTENCES
from app.merging.side_by_side import ComparedField
from app.web.api import keys, webhooks
from app.web.api.exclusions import READING as DUPLICATES
from app.web.api.plans import EITHER as PLANS
from app.web.api.queue import READING
from app.web.api.system import READ_SYSTEM
from app.web.auth import POLLING
from app.web.console import csrf, marks
from app.web.console.alerts import format_count
from app.web.console.durations import format_duration
from app.web.console.filters import filter_url
from app.web.console.permitted import is_undoable, may_undo_batch
from app.web.console.progress import BatchProgress, label_of, tone_of
from app.web.console.times import format_relative_time, format_time
from app.web.console.value_diffs import DiffPart, diff_values, is_worth_diffing
from app.web.resources import settings

#: Scripts, styles, images, forms and requests of this server only, and no inline code.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    # Other sites get no referrer. `no-referrer` would also remove the Origin header of our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
#: Characters of an external_id in a heading.
MAX_IN_HEADING = 80
#: Columns of a table that come before the others.
FIRST_COLUMNS = ("name", "count", "first", "last")
#: A UUID or a braze_id; the group is the end that lists show.
AN_ID = re.compile(r"\b(?:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}|[0-9a-f]{12})([0-9a-f]{12})\b")
#: The groups of the navigation: endpoint, name, and permissions; a key with any one of them sees the entry.
NAVIGATION: tuple[tuple[tuple[str, str, tuple[str, ...] | None], ...], ...] = (
    (
        ("console.home.home_page", "Overview", None),
        ("console.throughput.throughput_page", "Throughput", POLLING),
    ),
    (
        ("console.runs.run_list_page", "Runs", ("runs.read", "runs.manage")),
        ("console.batches.batch_list_page", "Batches", POLLING),
        ("console.jobs.job_list_page", "Jobs", POLLING),
        ("console.dead_jobs.dead_jobs_page", "Dead jobs", POLLING),
        ("console.queue.queue_page", "Queue", READING),
    ),
    (
        ("console.merging.merge_form_page", "Merge", ("users.merge",)),
        ("console.plans.plan_list_page", "Plans", PLANS),
        ("console.duplicates.duplicates_page", "Duplicates", DUPLICATES),
    ),
    (
        ("console.audit.audit_list_page", "Audit", ("audit.read",)),
        ("console.webhooks.webhook_list_page", "Webhooks", (webhooks.READ,)),
        ("console.keys.key_list_page", "Keys", (keys.READ,)),
        ("console.system.system_page", "System", (READ_SYSTEM,)),
    ),
)


def register_layout(blueprint: Blueprint) -> None:
    """Add headers, the template context and template filters to the pages of *blueprint*."""
    blueprint.before_request(_refuse_other_sites)
    blueprint.after_request(_protect)
    blueprint.context_processor(_common)
    blueprint.add_app_template_filter(format_time, "moment")
    blueprint.add_app_template_filter(format_duration, "duration")
    blueprint.add_app_template_filter(format_count, "count")
    blueprint.add_app_template_filter(label_of, "label")
    blueprint.add_app_template_filter(tone_of, "tone")
    blueprint.add_app_template_filter(batch_progress, "progress")
    blueprint.add_app_template_test(is_undoable, "undoable")
    blueprint.add_app_template_test(may_undo_batch, "undoable_batch")
    blueprint.add_app_template_filter(format_value, "text")
    blueprint.add_app_template_filter(shorten, "short")
    blueprint.add_app_template_filter(shorten_ids, "short_ids")
    blueprint.add_app_template_filter(table_columns, "columns")
    blueprint.add_app_template_global(filter_url, "filter_url")
    blueprint.add_app_template_filter(format_relative_time, "ago")
    blueprint.add_app_template_filter(marks.marks_of_batch, "marks")
    blueprint.add_app_template_filter(marks.state_of_batch, "state_mark")
    blueprint.add_app_template_filter(marks.mark_of_job, "job_mark")
    blueprint.add_app_template_filter(rule_sentence, "rule_sentence")
    blueprint.add_app_template_filter(diff_field, "diff")
    blueprint.add_app_template_test(is_diffed, "diffed")


def format_value(value: Any) -> str:
    """Return a value of a profile as text: a string as it is, all others as JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def shorten(value: str) -> str:
    """Return *value* cut to MAX_IN_HEADING characters."""
    return value if len(value) <= MAX_IN_HEADING else f"{value[:MAX_IN_HEADING]}…"


def shorten_ids(text: str) -> str:
    """Return *text* with the end of each id instead of the whole id, as in the lists.

    A word joiner keeps the ellipsis on the line of the id.
    """
    return AN_ID.sub("…\u2060\\1", text)


def table_columns(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the column names of a table of *entries*: FIRST_COLUMNS, then the others in order of appearance."""
    names = dict.fromkeys(name for entry in entries for name in entry)
    return [*(name for name in FIRST_COLUMNS if name in names), *(name for name in names if name not in FIRST_COLUMNS)]


def rule_sentence(rule: str | None) -> str:
    """Return what *rule* does; "" for a change without a rule or by a rule of an earlier version."""
    return RULE_SENTENCES.get(rule or "", "")


def is_diffed(row: ComparedField) -> bool:
    """Return whether the page shows the differences of a field instead of its new value."""
    return row.changed and is_worth_diffing(row.survivor, row.after)


def diff_field(row: ComparedField) -> list[DiffPart]:
    return diff_values(row.survivor, row.after)


def batch_progress(batch: Batch) -> BatchProgress:
    return BatchProgress.of(batch)


def _refuse_other_sites() -> None:
    if request.method == "POST":
        csrf.check_origin()


def _protect(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _common() -> dict[str, Any]:
    """Return the variables of every template."""
    me = g.get("sign_in")
    groups = [
        [
            {"endpoint": endpoint, "name": name, "is_current": _is_current(endpoint)}
            for endpoint, name, permissions in group
            if me is not None and (permissions is None or any(map(me.holder.may, permissions)))
        ]
        for group in NAVIGATION
    ]
    return {
        "me": me,
        "may": me.holder.may if me else (lambda _: False),
        "form_token": csrf.form_token(),
        "form_field": csrf.FIELD,
        "navigation": [group for group in groups if group],
        "request_id": g.get("request_id", ""),
        "flower_url": settings().flower_url.rstrip("/"),
    }


def _is_current(endpoint: str) -> bool:
    """Return whether the current page is in the section of *endpoint*."""
    section = endpoint.rpartition(".")[0]
    return (request.endpoint or "").startswith(f"{section}.")
