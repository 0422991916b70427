"""The merge form: both sides as typed, their request body, and the validation error of each side."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from marshmallow import ValidationError

from app.errors import Rejected
from app.web.errors import first_sentence
from app.web.json_bodies import check_text
from schemas.merge import KINDS, MergeUpdate, load_merge
from schemas.priorities import Priority

#: The sides by their key in the API, each with its title on the page.
ROLES: Mapping[str, str] = {
    "identifier_to_merge": "Merge this profile",
    "identifier_to_keep": "Into this one, which stays",
}
#: Steps of a prioritization that the form offers; more would repeat or contradict them.
STEPS = range(2)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormSide:
    """One side of the form, as typed."""

    role: str
    kind: str = next(iter(KINDS))
    value: str = ""
    #: Label of an alias.
    label: str = ""
    #: Steps of a prioritization, "" for an empty choice.
    steps: tuple[str, ...] = ("",) * len(STEPS)
    #: Its validation error, in the words of the API.
    fault: str | None = None

    @classmethod
    def of(cls, role: str, form: Mapping[str, str]) -> "FormSide":
        return cls(
            role=role,
            kind=form.get(f"{role}.kind", ""),
            value=form.get(f"{role}.value", ""),
            label=form.get(f"{role}.label", ""),
            steps=tuple(form.get(f"{role}.step{nth}", "") for nth in STEPS),
        )

    @property
    def title(self) -> str:
        return ROLES[self.role]

    @property
    def wire(self) -> dict[str, Any]:
        """The identifier of the request body; fields of other kinds are left out."""
        if self.kind == "user_alias":
            return {"user_alias": {"alias_name": self.value, "alias_label": self.label}}
        if self.kind in {"email", "phone"}:
            return {self.kind: self.value, "prioritization": [step for step in self.steps if step]}
        return {self.kind: self.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeForm:
    """Both sides of the form, as typed."""

    sides: tuple[FormSide, ...]

    @classmethod
    def of(cls, form: Mapping[str, str]) -> "MergeForm":
        return cls(sides=tuple(FormSide.of(role, form) for role in ROLES))

    @property
    def body(self) -> dict[str, Any]:
        """The body of `POST /users/merge` for this form."""
        return {"merge_updates": [{side.role: side.wire for side in self.sides}]}

    def updates(self) -> tuple[MergeUpdate, ...]:
        """Return the updates of the body; raise ValidationError or Rejected as the API does."""
        check_text(self.body)
        return load_merge(self.body)

    def validated(self) -> "MergeForm":
        """Return the form with the validation error of each side."""
        return replace(self, sides=tuple(replace(side, fault=_fault(side)) for side in self.sides))


EMPTY = MergeForm(sides=tuple(FormSide(role=role) for role in ROLES))
CHOICES: Mapping[str, tuple[str, ...]] = {"kinds": tuple(KINDS), "steps": tuple(Priority)}


def _fault(side: FormSide) -> str | None:
    """Return the validation error of *side* alone, found by merging it into itself."""
    pair = MergeForm(sides=tuple(replace(side, role=role) for role in ROLES))
    try:
        pair.updates()
    except ValidationError as error:
        return first_sentence(error.messages)
    except Rejected as error:
        return str(error)
    return None
