"""Links from an entry of the audit to what it concerns."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import g, url_for

from app.audit.entries import AuditEntry
from app.web.auth import POLLING
from app.web.console.progress import label_of

#: The paths of actions on one thing: its kind and its id.
PATH = re.compile(
    r"(?:/merge|/console|/duplicates)?/(jobs|batches|runs|plans)/"
    r"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(?:/|$)"
)
#: The page of each kind, and its permissions; a key with any one of them may open it.
PAGES: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "jobs": ("console.jobs.job_page", "job_id", POLLING),
    "batches": ("console.batches.batch_page", "batch_id", POLLING),
    "runs": ("console.runs.run_page", "run_id", ("runs.read", "runs.manage")),
    "plans": ("console.plans.plan_page", "plan_id", ("plans.write", "plans.apply")),
}
NAMES = {"jobs": "job", "batches": "batch", "runs": "run", "plans": "plan"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link with its text."""

    text: str
    url: str


def links_of(entry: AuditEntry) -> list[Link]:
    """Return the links of *entry* to pages that the key may open, each once."""
    named = [
        ("jobs", "Job", entry.job_id),
        ("batches", "Batch", entry.batch_id),
        ("jobs", "Undone job", entry.undoes),
        ("jobs", "Undone by", entry.undone_by),
    ]
    found = [(kind, text, str(of)) for kind, text, of in named if of is not None]
    match = PATH.search(entry.path)
    if match is not None and entry.job_id is None:
        found.append((match[1], label_of(NAMES[match[1]]), match[2]))
    return [Link(text=text, url=url) for kind, text, of in found if (url := _url(kind, of)) is not None]


def _url(kind: str, of: str) -> str | None:
    """Return the URL of a page; None without its permission."""
    endpoint, name, permissions = PAGES[kind]
    if not any(map(g.may, permissions)):
        return None
    values: dict[str, Any] = {name: of}
    return url_for(endpoint, **values)
