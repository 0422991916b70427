"""How duplicates are told, and which of them is kept: the settings of a workspace, as values."""

from dataclasses import dataclass
from enum import StrEnum


class SharedAddress(StrEnum):
    """By which address profiles are duplicates of each other."""

    EMAIL = "email"
    PHONE = "phone"


class TiesBy(StrEnum):
    """By which of their times profiles are told apart that are identified alike."""

    CREATED = "created"
    UPDATED = "updated"
    LAST_SESSION = "last_session"


class Prefer(StrEnum):
    """Which end of these times is kept."""

    NEWEST = "newest"
    OLDEST = "oldest"


class Undecided(StrEnum):
    """Why no profile of a group is kept, so that none of it is merged."""

    #: Several are preferred alike.
    TIE = "tie"
    #: The address is a placeholder that strangers share.
    REFUSED = "refused_identifier"
    #: The one to keep is in the control group or marked for deletion.
    PROTECTED = "protected"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepRule:
    """Which address makes duplicates, and which of them is kept: an identified one first, then ties by a time."""

    identifier: SharedAddress = SharedAddress.EMAIL
    resolve_ties_by: TiesBy = TiesBy.UPDATED
    prefer: Prefer = Prefer.NEWEST


class RunState(StrEnum):
    """Where a run over duplicates is."""

    RUNNING = "running"
    #: Every group was looked at, and what is to be merged is in the ledger.
    FINISHED = "finished"
    CANCELLED = "cancelled"
    #: It could not go on; the relay's log says why.
    FAILED = "failed"


class RunTrigger(StrEnum):
    """What began a run."""

    API = "api"
    DAILY = "daily"
