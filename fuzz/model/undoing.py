"""Merges that the model can undo: the last ones into their survivors, after which nobody wrote to these."""

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field, fields
from typing import Any

from fuzz.model import consent
from fuzz.model.people import Person

#: What an undo leaves as it is.
LEFT = frozenset({"serial", "braze_id", "seen", "merged_into", "consent"})


@dataclass(eq=False)
class Merge:
    """A merge: its profiles, the survivor before it, and what its addresses had said after it."""

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
        """Return the merge that is about to be made."""
        before = {each.name: copy(getattr(survivor, each.name)) for each in fields(survivor)}
        return cls(orphan=orphan, survivor=survivor, step=step, before=before)

    def end(self) -> None:
        """Note what the survivor's addresses have said now."""
        self.after = dict(self.survivor.consent)

    @property
    def is_last(self) -> bool:
        """Whether nobody wrote to the survivor since, except that its addresses may have said more."""
        return self.survivor.merged_into is None and self.survivor.touched == self.step

    def lose_tokens(self, tokens: Iterable[tuple[str, str]]) -> None:
        """Take away push tokens that somebody reported since: an undo must not return them to either profile."""
        for token in tokens:
            self.before["tokens"].pop(token, None)
            self.orphan.tokens.pop(token, None)

    def undo(self) -> None:
        """Separate the two again."""
        orphan, survivor = self.orphan, self.survivor
        orphan.consent = consent.restored(orphan, survivor, after=self.after)
        survivor.consent = consent.separated(survivor.consent, before=self.before["consent"], after=self.after)
        for name, value in self.before.items():
            if name not in LEFT:
                setattr(survivor, name, value)
        orphan.merged_into = None
