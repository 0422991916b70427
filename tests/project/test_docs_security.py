"""docs/security answers every requirement once, each with a test that exists or with a reason."""

import ast
import re

import pytest

from tests.project.tree import ROOT, parsed, text_of

ASVS = "docs/security/asvs.md"
PRACTICES = "docs/security/best-practices.md"
#: The levels of the requirements of ASVS 5.0.0, by section: requirement 1.5.2 has the second digit of 1.5.
#: The chapters 10 and 17 are answered as a whole.
LEVELS = dict(
    re.findall(
        r"(\S+):(\d+)",
        """
    1.1:22 1.2:1111122223 1.3:112222222223 1.4:222 1.5:123
    2.1:122 2.2:112 2.3:12223 2.4:23
    3.1:3 3.2:113 3.3:12223 3.4:11222233 3.5:11122333 3.6:3 3.7:22333
    4.1:12233 4.2:23333 4.3:22 4.4:1222
    5.1:2 5.2:112333 5.3:113 5.4:222
    6.1:122 6.2:111111112222 6.3:11223333 6.4:112233 6.5:22222333 6.6:2223 6.7:33 6.8:2222
    7.1:222 7.2:1111 7.3:22 7.4:11222 7.5:223 7.6:22
    8.1:1233 8.2:1123 8.3:133 8.4:23
    9.1:111 9.2:1222
    11.1:2233 11.2:22233 11.3:11233 11.4:1222 11.5:23 11.6:23 11.7:33
    12.1:12233 12.2:11 12.3:22223
    13.1:2333 13.2:222223 13.3:2233 13.4:1222233
    14.1:22 14.2:12223333 14.3:122
    15.1:12233 15.2:12233 15.3:1222222 15.4:3333
    16.1:2 16.2:22222 16.3:2222 16.4:222 16.5:2223
    """,
    )
)
#: Requirements of level 1 and 2 in the chapters 10 and 17.
WHOLE_CHAPTERS = 36
#: Criteria of the level "passing".
CRITERIA = 67
STATES = {
    ASVS: {"holds", "holds in part", "does not hold", "not applicable"},
    PRACTICES: {"met", "not met", "not applicable", "by the forge"},
}
REFERENCE = re.compile(r"`((?:unit|integration|contract|e2e|chaos|project)/[\w/]+\.py(?:::\w+)?)`")


def rows(document: str) -> list[list[str]]:
    """Return the cells of the rows that have a state."""
    lines = [line.strip("| ").split(" | ") for line in text_of(document).splitlines() if line.startswith("| ")]
    place = 3 if document == ASVS else 2
    return [cells for cells in lines if len(cells) > place and cells[place] in STATES[document]]


def required() -> dict[str, str]:
    """Return the level of each requirement of ASVS that needs an answer of its own."""
    return {
        f"{section}.{number}": level
        for section, levels in LEVELS.items()
        for number, level in enumerate(levels, start=1)
        if level in "12"
    }


def answers() -> list[tuple[str, str]]:
    """Return number and state of each requirement of ASVS."""
    return [(number, cells[3]) for cells in rows(ASVS) for number in re.findall(r"\d+\.\d+\.\d+", cells[0])]


def test_every_requirement_of_the_levels_1_and_2_is_answered_once() -> None:
    assert sorted(number for number, _ in answers()) == sorted(required())


def test_every_row_has_the_levels_of_its_requirements() -> None:
    wrong = [
        cells[0]
        for cells in rows(ASVS)
        if not cells[0].startswith("all")
        and ", ".join(sorted({required()[number] for number in cells[0].split(", ")})) != cells[1]
    ]

    assert wrong == []


def test_the_counts_of_the_first_paragraph_are_right() -> None:
    states = [state for _, state in answers()]
    numbers = [int(number) for number in re.findall(r"\b\d+\b", text_of(ASVS).partition("\nOf ")[2].partition(".")[0])]

    assert numbers == [
        len(states) + WHOLE_CHAPTERS,
        states.count("holds"),
        states.count("holds in part"),
        states.count("does not hold"),
        states.count("not applicable") + WHOLE_CHAPTERS,
    ]


def test_every_criterion_is_answered_once() -> None:
    names = [cells[0] for cells in rows(PRACTICES)]
    states = [cells[2] for cells in rows(PRACTICES)]
    numbers = re.findall(r"\b\d+\b", text_of(PRACTICES).partition("\nOf ")[2].partition(".")[0])

    assert len(names) == len(set(names)) == CRITERIA
    assert list(map(int, numbers)) == [
        CRITERIA,
        *(states.count(state) for state in ("met", "not met", "not applicable", "by the forge")),
    ]


@pytest.mark.parametrize("document", STATES)
def test_every_row_has_a_test_or_a_reason(document: str) -> None:
    assert [cells[0] for cells in rows(document) if not re.search(r"\w", cells[-1])] == []


@pytest.mark.parametrize("document", STATES)
def test_every_test_that_is_named_exists(document: str) -> None:
    missing = []
    for reference in sorted(set(REFERENCE.findall(text_of(document)))):
        file, _, name = reference.partition("::")
        path = ROOT / "tests" / file
        functions = (
            [node.name for node in ast.walk(parsed(path)) if isinstance(node, ast.FunctionDef)] if path.exists() else []
        )
        if not any(function.startswith("test_") for function in functions) or (name and name not in functions):
            missing.append(reference)

    assert missing == []
