"""Checks of stored identifiers: values that requests no longer accept, and addresses that compare differently."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg

from app.config import Settings
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import DatabaseUnavailable, SetupError
from app.profiles.recomputation import ChangedGroups, is_recomputed, joined_groups, separated_groups
from cli.database import connected
from cli.doctor.database import QUERIES as SERVER_QUERIES
from cli.doctor.findings import Finding, fine, notice, wrong
from schemas.addresses import email_fault, is_power_of_ten, phone_fault
from schemas.hidden_characters import hidden_character
from schemas.identifiers import Email, ExternalId, Identifier, Phone, UserAlias
from schemas.placeholders import is_placeholder

QUERIES = load_queries("cli.doctor", "data.sql")
#: Rows in a page.
PAGE = 5_000
#: Profiles, or groups of profiles, that a finding names.
EXAMPLES = 5
#: Sorts before every other text.
FIRST = ""

HIDDEN_REMEDY = (
    "Rename it with /users/external_ids/rename or /users/alias/update, or delete the profile. All of them find the"
    " stored value."
)
PLACEHOLDER_REMEDY = (
    "Look for the client that sends it. Several people may share the profile: delete it with /users/delete, or add"
    " an identifier of its own to it."
)
#: What is wrong with a stored value, with the remedy.
REMEDIES: Mapping[str, str] = {
    "external_ids with a control or format character": HIDDEN_REMEDY,
    "aliases with a control or format character": HIDDEN_REMEDY,
    "external_ids that are placeholders": PLACEHOLDER_REMEDY,
    "aliases that are placeholders": PLACEHOLDER_REMEDY,
    "email addresses that are placeholders": PLACEHOLDER_REMEDY,
    "phone numbers that are placeholders": PLACEHOLDER_REMEDY,
    "email addresses that are not valid": "Write the right address with /users/track.",
    "phone numbers that a spreadsheet turned into a power of ten": "Write the right number with /users/track.",
    "phone numbers without E.164 form": (
        "They identify no profile. Write the number with its country code and without an extension with /users/track."
    ),
}


@dataclass(slots=True)
class ProfileCount:
    """Profiles with one kind of value."""

    count: int = 0
    #: The first braze_ids.
    examples: list[str] = field(default_factory=list)

    def add(self, braze_id: str) -> None:
        """Count the profile with this braze_id."""
        self.count += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(braze_id)


def run_data_checks(settings: Settings) -> list[Finding]:
    """Return the findings about the identifiers stored in all workspaces. Reads every profile."""
    try:
        with connected(settings, settings.database_url, name="doctor") as connection:
            rows = connection.execute(SERVER_QUERIES["workspaces"]).fetchall()
            return [
                finding
                for row in rows
                for finding in _check_workspace(Transaction(connection, row["workspace_id"]), row["name"], settings)
            ]
    except (DatabaseUnavailable, SetupError, psycopg.Error) as error:
        sentence = str(error) if isinstance(error, SetupError) else f"The data was not read ({type(error).__name__})."
        return [wrong("data", sentence, "Start PostgreSQL, or correct DATABASE_URL.")]


def _check_workspace(tx: Transaction, name: str, settings: Settings) -> Iterator[Finding]:
    check = f"data of {name}"
    findings = [*_check_identifiers(tx, check, settings), *_check_comparison(tx, check)]
    yield from findings or [fine(check, "Every stored identifier is one that requests accept.")]


def _check_identifiers(tx: Transaction, check: str, settings: Settings) -> Iterator[Finding]:
    counts: dict[str, ProfileCount] = defaultdict(ProfileCount)
    for braze_id, kind in _refused_values(tx, settings):
        counts[kind].add(braze_id)
    for kind, remedy in REMEDIES.items():
        if kind in counts:
            found = counts[kind]
            yield notice(check, f"{found.count:,} {kind}, such as of {_list(found.examples)}.", remedy)


def _refused_values(tx: Transaction, settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the braze_id and the kind, a key of REMEDIES, of each stored value that requests refuse."""
    refused = settings.refused_identifiers
    for row in _pages(tx, "identifiers", {"after": 0}, lambda last: {"after": last["id"]}):
        for kind in _profile_faults(row, refused):
            yield row["braze_id"], kind
    start = {"label": FIRST, "name": FIRST}
    for row in _pages(tx, "aliases", start, lambda last: {"label": last["label"], "name": last["name"]}):
        alias = UserAlias(label=row["label"], name=row["name"])
        for kind in _name_faults(alias, f"{row['label']}{row['name']}", refused):
            yield row["braze_id"], f"aliases {kind}"


def _profile_faults(row: Mapping[str, Any], refused: Collection[str]) -> Iterator[str]:
    """Yield the kinds of refused values among the external_id and the addresses of the profile *row*."""
    external_id, email, phone = row["external_id"], row["email"], row["phone"]
    if external_id is not None:
        yield from (f"external_ids {kind}" for kind in _name_faults(ExternalId(external_id), external_id, refused))
    if email is not None and not row["email_encrypted"]:
        if is_placeholder(Email(email), refused):
            yield "email addresses that are placeholders"
        elif email_fault(email):
            yield "email addresses that are not valid"
    if phone is not None and is_placeholder(Phone(phone), refused):
        yield "phone numbers that are placeholders"
    elif phone is not None and phone_fault(phone):
        damaged = is_power_of_ten(phone)
        yield f"phone numbers {'that a spreadsheet turned into a power of ten' if damaged else 'without E.164 form'}"


def _name_faults(identifier: Identifier, text: str, refused: Collection[str]) -> Iterator[str]:
    if is_placeholder(identifier, refused):
        yield "that are placeholders"
    if hidden_character(text):
        yield "with a control or format character"


def _check_comparison(tx: Transaction, check: str) -> Iterator[Finding]:
    """Yield the findings about keys that were recomputed under the current rules of comparison."""
    if not is_recomputed(tx):
        yield notice(
            check,
            "The keys of stored addresses are still being recomputed under the current rules of comparison.",
            "Let a relay run, and stop the web processes and workers of older versions.",
        )
    separated, joined = separated_groups(tx, examples=EXAMPLES), joined_groups(tx, examples=EXAMPLES)
    if separated.count:
        yield notice(
            check,
            f"{separated.count:,} groups of profiles shared an address under the former rules and no longer do, such as"
            f" {_groups(separated)}.",
            "If a pair of them was merged by that address, read the audit and undo the merge if it was wrong.",
        )
    if joined.count:
        yield notice(
            check,
            f"{joined.count:,} groups of profiles share an address since the rules changed, such as {_groups(joined)}.",
            "Look at them in a preview of duplicates, and merge the profiles of one person.",
        )


def _pages(
    tx: Transaction,
    query: str,
    start: Mapping[str, Any],
    position: Callable[[Mapping[str, Any]], Mapping[str, Any]],
) -> Iterator[dict[str, Any]]:
    """Yield the rows of *query* page by page; *position* returns the parameters of the page behind a row."""
    parameters = start
    while rows := tx.execute(QUERIES[query], {**parameters, "limit": PAGE}).fetchall():
        yield from rows
        parameters = position(rows[-1])


def _groups(groups: ChangedGroups) -> str:
    return "; ".join(_list(braze_ids[:EXAMPLES]) for braze_ids in groups.examples)


def _list(braze_ids: list[str]) -> str:
    return ", ".join(braze_ids)
