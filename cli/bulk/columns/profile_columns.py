"""The columns of exported profiles: a member each. A cell holds text, or JSON for a member with another value."""

from collections.abc import Mapping, Sequence
from typing import Any

from cli.bulk.files import FileError
from schemas.json_values import InvalidJson, parse_json
from schemas.profile import EXPORTABLE, VALUELESS, ProfileSchema
from schemas.text import quoted, read_safe_cell

#: The values of these members are text; all others are JSON.
TEXT_MEMBERS = frozenset(
    {
        "external_id", "braze_id", "appboy_id", "created_at", "updated_at", "first_name", "last_name", "email", "phone",
        "dob", "gender", "home_city", "country", "language", "time_zone", "marked_for_deletion_at", "first_purchase",
        "last_purchase", "first_session", "last_session", "push_subscribe", "push_opted_in_at", "email_subscribe",
        "email_opted_in_at", "email_unsubscribed_at", "marked_email_as_spam_at", *VALUELESS,
    }
)  # fmt: skip


def check_profile_columns(names: Sequence[str], file: str) -> None:
    """Raise FileError when a column is no member of exported profiles."""
    if unknown := [name for name in names if name not in EXPORTABLE]:
        raise FileError(
            f"Nothing reads the column '{quoted(unknown[0])}' of {file}. The columns of whole profiles are"
            f" {', '.join(ProfileSchema().fields)}."
        )


def profile_from_cells(cells: Mapping[str, str]) -> tuple[str | None, dict[str, Any]]:
    """Return the fault of a row, or None, and its profile. Blank cells set nothing."""
    fault: str | None = None
    profile: dict[str, Any] = {}
    for name, cell in cells.items():
        if not cell:
            continue
        try:
            profile[name] = read_safe_cell(cell) if name in TEXT_MEMBERS else parse_json(cell)
        except InvalidJson:
            fault = fault or f"The cell in column '{quoted(name)}' is not valid JSON."
            profile[name] = cell
    return fault, profile
