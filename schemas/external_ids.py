"""The bodies of `/users/external_ids/rename` and `/remove`, and the sentences for refused objects."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from schemas.base import RequestSchema, ResponseSchema, success_message
from schemas.fields import first_fault
from schemas.identifier_fields import ExternalIdText
from schemas.identifiers import MAX_EXTERNAL_ID_BYTES, ExternalId
from schemas.placeholders import check_real

#: Maximum external ids of one request.
MAX_IDS = 50
NO_RENAMES = f"'external_id_renames' must be an array of 1 to {MAX_IDS} objects"
NO_REMOVALS = f"'external_ids' must be an array of 1 to {MAX_IDS} strings"

# The vendor's sentence, to the letter.
IN_USE = "new_external_id is already in use"

# Our sentences for the vendor's rules.
NOT_AN_OBJECT = "a rename must be an object with 'current_external_id' and 'new_external_id'"
SAME = "current_external_id and new_external_id cannot be the same"
UNKNOWN = "current_external_id does not exist"
DEPRECATED = "current_external_id is deprecated, and only a primary ID can be renamed"
PRIMARY = "external_id is a primary ID, and only a deprecated one can be removed"
NOT_DEPRECATED = "external_id is not a deprecated ID"

#: Sentences by the index of the refused object.
Refusals = Mapping[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """An external_id, and the new one of its profile."""

    current: str
    new: str

    def to_wire(self) -> dict[str, str]:
        return {"current_external_id": self.current, "new_external_id": self.new}


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameRequest:
    """The loaded renames of a request, and the refused ones, each by its index."""

    renames: Mapping[int, Rename]
    refused: Refusals

    def answer(self, refused: Refusals) -> dict[str, Any]:
        """Return the response body; *refused* are objects that could not be applied."""
        done = [rename.to_wire() for index, rename in self.renames.items() if index not in refused]
        return {"external_ids": done, "rename_errors": _as_pairs({**self.refused, **refused}), "message": "success"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalRequest:
    """The loaded external_ids to remove, and the refused ones, each by its index."""

    external_ids: Mapping[int, str]
    refused: Refusals

    def answer(self, refused: Refusals) -> dict[str, Any]:
        """Return the response body; *refused* are objects that could not be applied."""
        done = [external_id for index, external_id in self.external_ids.items() if index not in refused]
        return {"removed_ids": done, "removal_errors": _as_pairs({**self.refused, **refused}), "message": "success"}


class RenameSchema(RequestSchema):
    """An external_id, and the new one of its profile."""

    error_messages = {"type": NOT_AN_OBJECT}  # noqa: RUF012  marshmallow's own way to set them

    current_external_id = ExternalIdText(required=True, stored=True)
    new_external_id = ExternalIdText(required=True)

    @post_load
    def _to_rename(self, given: dict[str, Any], **_: Any) -> Rename:
        return Rename(current=given["current_external_id"], new=given["new_external_id"])


class RenamesSchema(RequestSchema):
    """External ids to rename."""

    external_id_renames = fields.List(fields.Nested(RenameSchema), required=True, validate=validate.Length(1, MAX_IDS))


class RemovalsSchema(RequestSchema):
    """Deprecated external_ids to remove."""

    external_ids = fields.List(
        fields.Raw(metadata={"type": ["string", "integer"], "minLength": 1, "maxLength": MAX_EXTERNAL_ID_BYTES}),
        required=True,
        validate=validate.Length(1, MAX_IDS),
    )


def _refusals() -> fields.List[Any]:
    """Return a field for `[index, sentence]` of each refused object."""
    pair = {"type": "array", "items": {"type": ["integer", "string"]}, "minItems": 2, "maxItems": 2}
    return fields.List(fields.Raw(metadata=pair))


class RenamedIdSchema(ResponseSchema):
    """A renamed external_id."""

    current_external_id = fields.String()
    new_external_id = fields.String()


class RenamedSchema(ResponseSchema):
    """The renamed external_ids; each error is `[index, sentence]`."""

    external_ids = fields.List(fields.Nested(RenamedIdSchema))
    rename_errors = _refusals()
    message = success_message()


class RemovedSchema(ResponseSchema):
    """The removed external_ids; each error is `[index, sentence]`."""

    removed_ids = fields.List(fields.String())
    removal_errors = _refusals()
    message = success_message()


RENAME = RenameSchema()
EXTERNAL_ID = ExternalIdText(required=True, stored=True)


def load_renames(body: Any, *, placeholders: Collection[str] = frozenset()) -> RenameRequest:
    """Load renames from *body*. A new external_id among *placeholders* is refused.

    Raises ValidationError when there is no array, or it is empty or too long.
    """
    renames: dict[int, Rename] = {}
    refused: dict[int, str] = {}
    for index, given in enumerate(_array(body, "external_id_renames", NO_RENAMES)):
        try:
            rename: Rename = RENAME.load(given)
            check_real(ExternalId(rename.new), placeholders, name="new_external_id")
            renames[index] = rename
        except ValidationError as error:
            refused[index] = first_fault(error.messages)
    return RenameRequest(renames=renames, refused=refused)


def load_removals(body: Any) -> RemovalRequest:
    """Load removals from *body*; raise ValidationError when there is no array, or it is empty or too long."""
    external_ids: dict[int, str] = {}
    refused: dict[int, str] = {}
    for index, given in enumerate(_array(body, "external_ids", NO_REMOVALS)):
        try:
            external_ids[index] = EXTERNAL_ID.deserialize(given)
        except ValidationError as error:
            refused[index] = f"external_id {first_fault(error.messages)}"
    return RemovalRequest(external_ids=external_ids, refused=refused)


def _array(body: Any, name: str, sentence: str) -> list[Any]:
    """Return the array *name* of *body*; raise ValidationError with *sentence* unless it has 1 to MAX_IDS elements."""
    array = body.get(name) if isinstance(body, dict) else None
    if not isinstance(array, list) or not 1 <= len(array) <= MAX_IDS:
        raise ValidationError(sentence)
    return array


def _as_pairs(refused: Refusals) -> list[list[int | str]]:
    """Return `[index, sentence]` of each refused object, in their order."""
    return [[index, sentence] for index, sentence in sorted(refused.items())]
