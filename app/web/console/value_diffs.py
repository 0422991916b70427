"""Differences between two long values, word by word for text and line by line for documents, for a page."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Any

import orjson

#: Characters of a value from which a page shows the differences instead of both values.
LONG = 120
#: Tokens of both values together that are compared; SequenceMatcher needs quadratic time.
MAX_TOKENS = 2_000
#: Characters of each part that a page shows: the end and the beginning of what is equal, the beginning of the rest.
MAX_SAME, MAX_OTHER = 60, 1_000
WORDS = re.compile(r"\s+|\w+|[^\w\s]")


class DiffKind(StrEnum):
    """Whether a part is in both values, only in the old one, or only in the new one."""

    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"


@dataclass(frozen=True, slots=True)
class DiffPart:
    """Successive text of one kind."""

    kind: DiffKind
    text: str


def is_worth_diffing(before: Any, after: Any) -> bool:
    """Return whether both values are there and differ, and one of them is long."""
    return None not in (before, after) and before != after and max(len(_text(before)), len(_text(after))) > LONG


def diff_values(before: Any, after: Any) -> list[DiffPart]:
    """Return the parts of the old and the new value in order, shortened for a page."""
    old, new = _tokens(before), _tokens(after)
    return [DiffPart(kind, _shorten(kind, "".join(tokens))) for kind, tokens in _parts(old, new) if tokens]


def _parts(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[DiffKind, Sequence[str]]]:
    """Yield the parts; what is equal at both ends is not searched."""
    start = _common(old, new)
    end = _common(old[start:][::-1], new[start:][::-1])
    middle, others = old[start : len(old) - end], new[start : len(new) - end]
    yield DiffKind.SAME, old[:start]
    if len(middle) + len(others) > MAX_TOKENS:
        yield DiffKind.REMOVED, middle
        yield DiffKind.ADDED, others
    else:
        for tag, i, j, k, m in SequenceMatcher(None, middle, others, autojunk=False).get_opcodes():
            if tag == "equal":
                yield DiffKind.SAME, middle[i:j]
            else:
                yield DiffKind.REMOVED, middle[i:j]
                yield DiffKind.ADDED, others[k:m]
    yield DiffKind.SAME, old[len(old) - end :]


def _common(old: Sequence[str], new: Sequence[str]) -> int:
    """Return how many tokens are equal at the beginning."""
    pairs = enumerate(zip(old, new, strict=False))
    return next((nth for nth, (one, other) in pairs if one != other), min(len(old), len(new)))


def _tokens(value: Any) -> Sequence[str]:
    return WORDS.findall(value) if isinstance(value, str) else _text(value).splitlines(keepends=True)


def _text(value: Any) -> str:
    """Return text as it is, and documents with one key on each line, so that a changed key is a changed line."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS
    return value if isinstance(value, str) else orjson.dumps(value, option=options).decode()


def _shorten(kind: DiffKind, text: str) -> str:
    if kind is DiffKind.SAME:
        return text if len(text) <= 2 * MAX_SAME else f"{text[:MAX_SAME]} … {text[-MAX_SAME:]}"
    return text if len(text) <= MAX_OTHER else f"{text[:MAX_OTHER]} … ({len(text) - MAX_OTHER:,} more characters)"
