"""A reference to a profile in the ledger and the audit.

A file of its own, because the execution of jobs, their queries and the audit share it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRef:
    """A profile as it was before a job: the identifiers that remain known when it is merged or renamed later."""

    braze_id: str
    external_id: str | None
    #: None where only the wire's identifiers were read.
    id: int | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any], prefix: str = "") -> "ProfileRef | None":
        """Return the profile in the columns `{prefix}braze_id` and `{prefix}external_id`; None when there is none."""
        braze_id = row[f"{prefix}braze_id"]
        return None if braze_id is None else cls(braze_id=braze_id, external_id=row[f"{prefix}external_id"])
