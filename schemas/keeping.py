"""The rule for duplicates: the shared address, and the profile to keep; and the states of a run."""

from dataclasses import dataclass
from enum import StrEnum


class SharedAddress(StrEnum):
    """The address that duplicates share."""

    EMAIL = "email"
    PHONE = "phone"


class TiesBy(StrEnum):
    """The time that resolves ties between profiles that are all identified, or all unidentified."""

    CREATED = "created"
    UPDATED = "updated"
    LAST_SESSION = "last_session"


class Prefer(StrEnum):
    """The end of these times that is kept."""

    NEWEST = "newest"
    OLDEST = "oldest"


class Undecided(StrEnum):
    """The reason why a group has no profile to keep; then none of it is merged."""

    #: The rule prefers several profiles equally.
    TIE = "tie"
    #: The address is a placeholder that strangers share.
    REFUSED = "refused_identifier"
    #: The profile to keep is in the control group or marked for deletion.
    PROTECTED = "protected"


class Left(StrEnum):
    """The reason why a profile stays out of the merges of its group, beside the outcomes that its merge could have."""

    #: It is not a match of the profile to keep, or of one that is merged into it.
    EXCLUDED = "excluded"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepRule:
    """The shared address, and the profile to keep: an identified one first, then a time resolves ties."""

    identifier: SharedAddress = SharedAddress.EMAIL
    resolve_ties_by: TiesBy = TiesBy.UPDATED
    prefer: Prefer = Prefer.NEWEST


class RunState(StrEnum):
    """The state of a duplicate run."""

    RUNNING = "running"
    #: Every group was examined, and all merges are in the ledger.
    FINISHED = "finished"
    CANCELLED = "cancelled"
    #: The run ended with an error; the relay's log has the reason.
    FAILED = "failed"


class RunTrigger(StrEnum):
    """The start of a run: a request, or the daily time of the policy."""

    API = "api"
    DAILY = "daily"
