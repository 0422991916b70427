"""The bodies of `/users/external_ids/rename` and `/remove`, and why an object of them may be refused."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, post_load

from schemas.fields import ExternalIdText, first_fault

#: External ids that one request may rename, or remove.
MAX_IDS = 50
NO_RENAMES = f"'external_id_renames' must be an array of 1 to {MAX_IDS} objects"
NO_REMOVALS = f"'external_ids' must be an array of 1 to {MAX_IDS} strings"

# The vendor's sentence, to the letter.
IN_USE = "new_external_id is already in use"

# Ours, after its rules.
NOT_AN_OBJECT = "a rename must be an object with 'current_external_id' and 'new_external_id'"
SAME = "current_external_id and new_external_id cannot be the same"
UNKNOWN = "current_external_id does not exist"
DEPRECATED = "current_external_id is deprecated, and only a primary ID can be renamed"
PRIMARY = "external_id is a primary ID, and only a deprecated one can be removed"
NOT_DEPRECATED = "external_id is not a deprecated ID"
PLACEHOLDER = "new_external_id is a placeholder that many strangers share; give a real one"

#: Sentences by the place of the refused object in the request's array.
Refusals = Mapping[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """An external_id, and the one that its profile is to have instead."""

    current: str
    new: str

    def to_wire(self) -> dict[str, str]:
        """Return it as the wire writes it."""
        return {"current_external_id": self.current, "new_external_id": self.new}


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameRequest:
    """A request that has been read: the renames asked for, and what of it was refused, each by its place."""

    renames: Mapping[int, Rename]
    refused: Refusals

    def answer(self, refused: Refusals) -> dict[str, Any]:
        """Return the body of the answer in the vendor's shape; *refused* is what could not be brought to effect."""
        done = [rename.to_wire() for place, rename in self.renames.items() if place not in refused]
        return {"external_ids": done, "rename_errors": _told({**self.refused, **refused}), "message": "success"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalRequest:
    """A request that has been read: the external_ids to remove, and what of it was refused, each by its place."""

    external_ids: Mapping[int, str]
    refused: Refusals

    def answer(self, refused: Refusals) -> dict[str, Any]:
        """Return the body of the answer in the vendor's shape; *refused* is what could not be brought to effect."""
        done = [external_id for place, external_id in self.external_ids.items() if place not in refused]
        return {"removed_ids": done, "removal_errors": _told({**self.refused, **refused}), "message": "success"}


class RenameSchema(Schema):
    """An object of `external_id_renames`."""

    class Meta:
        """Further keys say nothing."""

        unknown = EXCLUDE

    error_messages = {"type": NOT_AN_OBJECT}  # noqa: RUF012  marshmallow's own way to set them

    current_external_id = ExternalIdText(required=True)
    new_external_id = ExternalIdText(required=True)

    @post_load
    def _to_rename(self, given: dict[str, Any], **_: Any) -> Rename:
        """Return *given* as a rename."""
        return Rename(current=given["current_external_id"], new=given["new_external_id"])


RENAME = RenameSchema()
EXTERNAL_ID = ExternalIdText(required=True)


def load_renames(body: Any, *, placeholders: Collection[str] = frozenset()) -> RenameRequest:
    """Return what *body* asks for. Nobody is renamed to one of *placeholders*, which compare trimmed and case-folded.

    Raises ValidationError when there is no array, or it is empty or too long.
    """
    renames: dict[int, Rename] = {}
    refused: dict[int, str] = {}
    for place, given in enumerate(_array(body, "external_id_renames", NO_RENAMES)):
        try:
            rename: Rename = RENAME.load(given)
            if rename.new.strip().casefold() in placeholders:
                raise ValidationError(PLACEHOLDER)  # noqa: TRY301  told like any other fault of the object
            renames[place] = rename
        except ValidationError as error:
            refused[place] = first_fault(error.messages)
    return RenameRequest(renames=renames, refused=refused)


def load_removals(body: Any) -> RemovalRequest:
    """Return what *body* asks for. Raises ValidationError when there is no array, or it is empty or too long."""
    external_ids: dict[int, str] = {}
    refused: dict[int, str] = {}
    for place, given in enumerate(_array(body, "external_ids", NO_REMOVALS)):
        try:
            external_ids[place] = EXTERNAL_ID.deserialize(given)
        except ValidationError as error:
            refused[place] = f"external_id {first_fault(error.messages)}"
    return RemovalRequest(external_ids=external_ids, refused=refused)


def _array(body: Any, name: str, sentence: str) -> list[Any]:
    """Return the array *name* of *body*; raise ValidationError with *sentence* unless it has 1 to MAX_IDS elements."""
    array = body.get(name) if isinstance(body, dict) else None
    if not isinstance(array, list) or not 1 <= len(array) <= MAX_IDS:
        raise ValidationError(sentence)
    return array


def _told(refused: Refusals) -> list[list[int | str]]:
    """Return *refused* as the wire tells it: `[place in the request's array, sentence]` for each, in their order."""
    return [[place, sentence] for place, sentence in sorted(refused.items())]
