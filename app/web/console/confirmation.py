"""The page that asks before an action: one for all actions of the console.

An action asks if it concerns more than one thing, or if no single click takes it back. All others do at once what their
button says: they are listed in tests/support/console_pages.py with the reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import g, render_template, url_for

TEMPLATE = "confirmation.html"
#: Whether an action can be taken back, in sentences of several pages.
CANNOT_BE_UNDONE = "This cannot be undone."
CANCELLED_FOR_GOOD = "A cancelled job cannot be resumed; its request must be sent again."
UNDONE_FOR_GOOD = "An undo cannot be undone; merge the profiles again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """What the page says. The form posts *fields* to the same path, or to *action*."""

    #: A question that names the number of things.
    title: str
    #: What happens then.
    sentences: Sequence[str]
    #: Whether and how the action can be undone.
    lasting: str
    #: The verb and the number; None if there is nothing to do.
    button: str | None
    #: The URL of the page to go back to.
    back: str
    back_text: str = "Leave it as it is"
    #: Why this key cannot do it now.
    obstacle: str | None = None
    #: A field without a value is left out.
    fields: Mapping[str, object] = field(default_factory=dict)
    action: str | None = None
    #: Names and URLs of the pages above.
    trail: Sequence[tuple[str, str]] = ()

    @property
    def is_final(self) -> bool:
        """Whether nothing takes the action back. Its button is red."""
        return self.lasting.startswith((CANNOT_BE_UNDONE, CANCELLED_FOR_GOOD))


def confirmation_page(question: Confirmation, *, template: str = TEMPLATE, **details: Any) -> str:
    """Return the page; a *template* that extends TEMPLATE shows *details* between the sentences and the form."""
    return render_template(template, question=question, **details)


def count_of(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: `1 job`, `1,200 jobs`."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def jobs_in_words(jobs: int) -> str:
    """Return the number of *jobs* with its noun: `1 job`, `1,200 jobs`."""
    return count_of(jobs, "job")


def permitted_url(permission: str, endpoint: str, **values: Any) -> str:
    """Return the URL of a page, or that of the overview for a key without the *permission* of the page."""
    return url_for(endpoint, **values) if g.may(permission) else url_for("console.home.home_page")
