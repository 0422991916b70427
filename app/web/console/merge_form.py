"""The form of a merge: what it says of either side, as the wire writes it, and which side a fault belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from marshmallow import ValidationError

from app.errors import Rejected
from app.web.errors import first_sentence
from app.web.request_body import check_text
from schemas.merge import KINDS, MergeUpdate, load_merge
from schemas.prioritization import Priority

#: The sides as the wire calls them, and what each is called on the page.
ROLES: Mapping[str, str] = {
    "identifier_to_merge": "Merge this profile",
    "identifier_to_keep": "Into this one, which stays",
}
#: How many steps of a prioritization the form offers: more would contradict or repeat these.
STEPS = range(2)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormSide:
    """One side of a pair, as it was typed."""

    role: str
    kind: str = next(iter(KINDS))
    value: str = ""
    #: The label of an alias.
    label: str = ""
    #: The steps of a prioritization, "" where none was chosen.
    steps: tuple[str, ...] = ("",) * len(STEPS)
    #: What is wrong with it, in the sentence that programs get too.
    fault: str | None = None

    @classmethod
    def of(cls, role: str, form: Mapping[str, str]) -> "FormSide":
        """Return the side *role* as *form* has it."""
        return cls(
            role=role,
            kind=form.get(f"{role}.kind", ""),
            value=form.get(f"{role}.value", ""),
            label=form.get(f"{role}.label", ""),
            steps=tuple(form.get(f"{role}.step{nth}", "") for nth in STEPS),
        )

    @property
    def title(self) -> str:
        """What the page calls it."""
        return ROLES[self.role]

    @property
    def wire(self) -> dict[str, Any]:
        """The identifier as requests write it. What does not belong to its kind is left out."""
        if self.kind == "user_alias":
            return {"user_alias": {"alias_name": self.value, "alias_label": self.label}}
        if self.kind in {"email", "phone"}:
            return {self.kind: self.value, "prioritization": [step for step in self.steps if step]}
        return {self.kind: self.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeForm:
    """Both sides, as they were typed."""

    sides: tuple[FormSide, ...]

    @classmethod
    def of(cls, form: Mapping[str, str]) -> "MergeForm":
        """Return the pair that *form* has."""
        return cls(sides=tuple(FormSide.of(role, form) for role in ROLES))

    @property
    def body(self) -> dict[str, Any]:
        """The body by which a program would ask for this merge."""
        return {"merge_updates": [{side.role: side.wire for side in self.sides}]}

    def updates(self) -> tuple[MergeUpdate, ...]:
        """Return what the body asks for; raise ValidationError or Rejected, as for a program, when it is at fault."""
        check_text(self.body)
        return load_merge(self.body)

    def judged(self) -> "MergeForm":
        """Return the pair with the fault of each side told at it."""
        return replace(self, sides=tuple(replace(side, fault=_fault(side)) for side in self.sides))


EMPTY = MergeForm(sides=tuple(FormSide(role=role) for role in ROLES))
CHOICES: Mapping[str, tuple[str, ...]] = {"kinds": tuple(KINDS), "steps": tuple(Priority)}


def _fault(side: FormSide) -> str | None:
    """Return what is wrong with *side* by itself: what would be if it were merged into itself."""
    pair = MergeForm(sides=tuple(replace(side, role=role) for role in ROLES))
    try:
        pair.updates()
    except ValidationError as error:
        return first_sentence(error.messages)
    except Rejected as error:
        return str(error)
    return None
