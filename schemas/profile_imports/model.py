"""What a line of an import is: a profile or a refusal; and what an import may do with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class OnConflict(StrEnum):
    """What happens to a line whose profile exists already."""

    SKIP = "skip"
    FILL = "fill"
    REPLACE = "replace"


class ImportResult(StrEnum):
    """What happened to a line."""

    CREATED = "created"
    FILLED = "filled"
    REPLACED = "replaced"
    SKIPPED = "skipped"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedProfile:
    """A profile as one line has it; at least one of its identifiers is present."""

    external_id: str | None = None
    braze_id: str | None = None
    #: label → name.
    user_aliases: Mapping[str, str] = field(default_factory=dict)
    #: The other columns of the table `profile` for which the line has a value.
    columns: Mapping[str, Any] = field(default_factory=dict)
    #: A sentence for each part that was left out. It names the member and quotes no value.
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRefused:
    """A line that is no profile. The reasons are sentences that name the member and quote no value."""

    reasons: tuple[str, ...]
