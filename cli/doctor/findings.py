"""The findings of the doctor: what was checked, how severe the result is, and the remedy."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """The severity of a finding."""

    #: Something does not work, or will fail under load or after a fault.
    WRONG = "wrong"
    #: It works, but the operator should know about it.
    NOTICE = "notice"
    FINE = "fine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check."""

    level: Level
    #: The subject of the check, in a word or two.
    check: str
    sentence: str
    remedy: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the finding as `--json` prints it; its remedy has the name `way_out` there."""
        return {"level": self.level, "check": self.check, "sentence": self.sentence, "way_out": self.remedy}


def wrong(check: str, sentence: str, remedy: str) -> Finding:
    """Return a finding about a problem."""
    return Finding(level=Level.WRONG, check=check, sentence=sentence, remedy=remedy)


def notice(check: str, sentence: str, remedy: str = "") -> Finding:
    """Return a finding that the operator should know about."""
    return Finding(level=Level.NOTICE, check=check, sentence=sentence, remedy=remedy)


def fine(check: str, sentence: str) -> Finding:
    """Return a finding without a problem."""
    return Finding(level=Level.FINE, check=check, sentence=sentence)
