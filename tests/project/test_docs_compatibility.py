"""docs/compatibility.md speaks of rules, tests and sentences that exist."""

import ast
import re

import pytest

from app.merging.profile import Profile
from app.merging.rules import IDENTITY, MERGE_RULES, RULE_SENTENCES, Rule
from schemas import merge, prioritization
from tests.project.tree import ROOT, parsed, text_of

DOCUMENT = text_of("docs/compatibility.md")
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
SUBHEADING = re.compile(r'^### Page "(.+)"$', re.MULTILINE)
#: Bullets of the two lists; a bullet with bullets of its own counts as these.
BULLETS = {"merge": 30, "identify": 31}
#: Sentences of the three pages beside their lists, and the one that speaks of what Mergelane does not have.
SENTENCES = {"Anonymous users": 16, "Identify users": 25, "Merge users": 26}
WITHOUT_TEST = "Not here: Mergelane has none of them."


def section(title: str) -> str:
    """Return the text under the heading that begins with *title*."""
    parts = HEADING.split(DOCUMENT)
    (found,) = [text for heading, text in zip(parts[1::2], parts[2::2], strict=True) if heading.startswith(title)]
    return found


def rows(title: str) -> list[list[str]]:
    """Return the cells of the table under the heading *title*, row by row, without its head."""
    return cells(section(title))


def cells(text: str) -> list[list[str]]:
    """Return the cells of the table in *text*, row by row, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def code(cell: str) -> list[str]:
    """Return the texts in backticks in *cell*."""
    return re.findall(r"`([^`]+)`", cell)


def fields_and_rules(title: str) -> list[tuple[str, str]]:
    """Return each field of the rules' table with its rule, row by row."""
    return [
        (field, rule)
        for _, fields, told, *_ in rows(title)
        for field in code(fields)
        for rule in code(told)
        if field in MERGE_RULES
    ]


def names_within(rule: Rule) -> set[str]:
    """Return the name of *rule* and those of all rules inside it."""
    return {rule.name}.union(*map(names_within, rule.entries.values()))


@pytest.mark.parametrize("endpoint", BULLETS)
def test_every_bullet_of_the_vendors_lists_has_a_row(endpoint: str) -> None:
    told = rows(f"Field by field: `POST /users/{endpoint}`")

    assert len(told) == BULLETS[endpoint]
    assert all(code(row[3]) for row in told)


@pytest.mark.parametrize("page", SENTENCES)
def test_every_sentence_of_the_vendors_pages_has_a_row_with_its_test(page: str) -> None:
    parts = SUBHEADING.split(section("Sentence by sentence"))
    (text,) = [text for title, text in zip(parts[1::2], parts[2::2], strict=True) if title == page]
    told = cells(text)

    assert len(told) == SENTENCES[page]
    assert [row for row in told if not code(row[-1]) and WITHOUT_TEST not in row] == []


def test_every_write_has_a_row_that_says_whether_it_updates_a_profile() -> None:
    told = rows("Recently updated")

    assert len(told) == 7
    assert all(code(row[2]) for row in told)


@pytest.mark.parametrize("endpoint", BULLETS)
def test_a_row_names_the_rule_of_the_code(endpoint: str) -> None:
    told = fields_and_rules(f"Field by field: `POST /users/{endpoint}`")

    assert told
    assert [pair for pair in told if pair[1] not in names_within(MERGE_RULES[pair[0]])] == []


def test_the_page_has_the_rule_of_a_field_on_neither_list() -> None:
    table = rows("Fields that are on neither")
    told = {field: code(rule) for fields, rule, *_ in table for field in code(fields)}

    assert told == {field: [MERGE_RULES[field].name] if field in MERGE_RULES else [] for field in told}
    assert {field for field, rule in told.items() if not rule} <= IDENTITY


def test_the_page_lists_each_field_of_a_profile() -> None:
    ours_alone = {"workspace_id", "id", "absorbed_on", "absorbed_count"}

    assert {name for name in Profile.__dataclass_fields__ if f"`{name}`" not in DOCUMENT} == ours_alone


@pytest.mark.parametrize("reference", sorted(set(re.findall(r"`([\w/]+\.py::\w+)`", DOCUMENT))))
def test_every_test_that_is_named_exists(reference: str) -> None:
    file, name = reference.split("::")
    functions = [node for node in ast.walk(parsed(ROOT / "tests" / file)) if isinstance(node, ast.FunctionDef)]

    assert name in {function.name for function in functions}


def test_the_page_has_each_error_of_a_merge_word_for_word() -> None:
    told = [sentence for row in rows("Errors of `POST /users/merge`") for sentence in code(row[1])]
    checks = [sentence for _, sentence in prioritization.PRIORITIZATION_CHECKS]
    first = [merge.NOT_OBJECTS, merge.TOO_MANY, merge.WRONG_KEYS, merge.WRONG_IDENTIFIER, merge.TOO_LONG]

    assert told[: len(first) + len(checks)] == [*first, *checks]


def test_every_rule_has_one_sentence_in_the_code_and_in_the_document() -> None:
    told = {rule: sentence for cell, sentence in rows("The rules") for rule in code(cell)}

    assert set().union(*map(names_within, MERGE_RULES.values())) == RULE_SENTENCES.keys()
    assert told == RULE_SENTENCES
