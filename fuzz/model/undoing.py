"""Merges that the model can undo: the last merge into each survivor, if no request changed the survivor since."""

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field, fields
from typing import Any

from fuzz.model import consent
from fuzz.model.people import Person

#: Fields that an undo does not change.
LEFT = frozenset({"serial", "braze_id", "seen", "merged_into", "consent"})


@dataclass(eq=False)
class Merge:
    """A merge: its profiles, the survivor before it, and the consent of the survivor's addresses after it."""

    orphan: Person
    survivor: Person
    #: The step of the merge.
    step: int
    before: dict[str, Any] = field(default_factory=dict)
    after: consent.Words = field(default_factory=dict)
    #: The product's job, if it is known.
    job_id: str | None = None

    @classmethod
    def begin(cls, *, orphan: Person, survivor: Person, step: int) -> "Merge":
        """Return the merge before it takes effect."""
        before = {each.name: copy(getattr(survivor, each.name)) for each in fields(survivor)}
        return cls(orphan=orphan, survivor=survivor, step=step, before=before)

    def end(self) -> None:
        """Store the consent of the survivor's addresses after the merge."""
        self.after = dict(self.survivor.consent)

    @property
    def is_last(self) -> bool:
        """Whether no request changed the survivor since. The consent of its addresses may have changed."""
        return self.survivor.merged_into is None and self.survivor.touched == self.step

    def lose_tokens(self, tokens: Iterable[tuple[str, str]]) -> None:
        """Remove push tokens that another profile reported since: an undo must not return them to either profile."""
        for token in tokens:
            self.before["tokens"].pop(token, None)
            self.orphan.tokens.pop(token, None)

    def undo(self) -> None:
        """Separate both profiles."""
        orphan, survivor = self.orphan, self.survivor
        orphan.consent = consent.restored(orphan, survivor, after=self.after)
        survivor.consent = consent.separated(survivor.consent, before=self.before["consent"], after=self.after)
        for name, value in self.before.items():
            if name not in LEFT:
                setattr(survivor, name, value)
        orphan.merged_into = None
