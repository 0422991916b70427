"""What the doctor finds: a sentence each, how grave it is, and the way out."""

from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    """How grave a finding is."""

    #: Something does not work, or will not when it matters.
    WRONG = "wrong"
    #: It works, and somebody should know.
    NOTICE = "notice"
    FINE = "fine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    #: What was looked at, in a word or two.
    check: str
    sentence: str
    way_out: str = ""

    def to_json(self) -> dict[str, str]:
        """Return it for programs."""
        return asdict(self)


def wrong(check: str, sentence: str, way_out: str) -> Finding:
    """Return a finding that something is wrong."""
    return Finding(level=Level.WRONG, check=check, sentence=sentence, way_out=way_out)


def notice(check: str, sentence: str, way_out: str = "") -> Finding:
    """Return a finding that somebody should know of."""
    return Finding(level=Level.NOTICE, check=check, sentence=sentence, way_out=way_out)


def fine(check: str, sentence: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(level=Level.FINE, check=check, sentence=sentence)
