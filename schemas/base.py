"""Base classes of the schemas of requests and responses, and the fields that only responses have.

The OpenAPI document is generated from the schemas (`app/web/openapi`). A schema's docstring is its description. A field
or a schema may say more in the class attribute `json_schema`; there a schema class becomes a reference to it. A
schema that lists other schemas in `one_of` or `any_of` describes their union; it is never loaded or dumped.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from marshmallow import EXCLUDE, RAISE, Schema, fields

#: Metadata of a member that a response may omit.
OPTIONAL: Mapping[str, Any] = {"optional": True}
#: JSON Schema of an object whose members depend on the data.
ANY_OBJECT: Mapping[str, Any] = {"type": "object", "additionalProperties": True}
#: Description of the member `warnings`.
WITHOUT_EFFECT = "Objects without effect, or with a part without effect. Only Mergelane has this member."
DATE_TIME: Mapping[str, Any] = {"type": "string", "format": "date-time"}


class RequestSchema(Schema):
    """An object of a request. Unknown keys are ignored, as Braze ignores them."""

    class Meta:
        unknown = EXCLUDE


class StrictRequestSchema(Schema):
    """An object of a request that refuses unknown keys, so that a misspelt key is never ignored."""

    class Meta:
        unknown = RAISE


class ResponseSchema(Schema):
    """An object of a response. A member is always present unless its field has the metadata OPTIONAL."""

    #: Whether any member may be absent.
    all_optional: ClassVar[bool] = False

    class Meta:
        unknown = EXCLUDE

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:  # noqa: ARG002  marshmallow's
        field_obj.required = not (self.all_optional or field_obj.metadata.get("optional"))


class Word(fields.Enum[Any]):
    """A member of a string enum, by its value. Dumping also takes the plain string."""

    def __init__(self, enum: type[StrEnum], **options: Any) -> None:
        unknown = (options.get("error_messages") or {}).get("unknown")
        # A value that is no text gets the same sentence.
        text = fields.String(error_messages={"invalid": unknown}) if unknown else fields.String()
        super().__init__(enum, by_value=text, **options)

    def _serialize(self, value: Any, *_: Any, **__: Any) -> str | None:
        return None if value is None else str(value)


class Instant(fields.Field[datetime]):
    """A moment in ISO 8601: UTC, milliseconds and a Z."""

    json_schema = DATE_TIME

    def _serialize(self, value: datetime | None, *_: Any, **__: Any) -> str | None:
        return None if value is None else moment_text(value)


class WireJson(fields.Raw):
    """JSON that is stored as it goes over the wire, dumped unchanged; *shape* describes it."""

    def __init__(self, shape: type[Schema] | Mapping[str, Any], *, many: bool = False, **options: Any) -> None:
        self.json_schema: Mapping[str, Any] = {"type": "array", "items": shape} if many else {"shape": shape}
        super().__init__(**options)


class SuccessSchema(ResponseSchema):
    """The request took effect."""

    message = fields.String(metadata={"enum": ["success"]})


@dataclass(frozen=True, slots=True)
class ObjectPlace:
    """The place of an object in the arrays of a request."""

    array: str
    index: int

    def remark(self, sentence: str) -> dict[str, Any]:
        """Return the entry of `errors` or `warnings` for the object at this place."""
        return {"type": sentence, "input_array": self.array, "index": self.index}


class LiveSchema(ResponseSchema):
    """The process responds."""

    status = fields.String(metadata={"enum": ["live"]})
    cell = fields.String(metadata={**OPTIONAL, "description": "`MERGELANE_CELL`, if it is set."})


class ReadySchema(ResponseSchema):
    """The server can take requests."""

    status = fields.String(metadata={"enum": ["ready"]})
    cell = fields.String(metadata={**OPTIONAL, "description": "`MERGELANE_CELL`, if it is set."})


class MessageSchema(ResponseSchema):
    """An error, in one sentence."""

    message = fields.String()


class RefusedObjectSchema(ResponseSchema):
    """An object of the request that was refused: the reason, the array and the index in it."""

    type = fields.String()
    input_array = fields.String()
    index = fields.Integer(metadata={"minimum": 0})


class WarningSchema(ResponseSchema):
    """A part of the request without effect: the reason, the array and, unless the whole array, the index in it."""

    type = fields.String()
    input_array = fields.String()
    index = fields.Integer(metadata={**OPTIONAL, "minimum": 0})


def moment_text(moment: datetime) -> str:
    """Return *moment* in UTC as ISO 8601 with milliseconds and a Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def success_message() -> fields.String:
    """Return the member `message` of a response that reports success."""
    return fields.String(metadata={"enum": ["success"]})


def count_field(description: str = "", **options: Any) -> fields.Integer:
    """Return a field for a number that is never negative."""
    metadata = {"minimum": 0, **({"description": description} if description else {}), **options.pop("metadata", {})}
    return fields.Integer(metadata=metadata, **options)


def refused_objects(**metadata: Any) -> fields.List[Any]:
    """Return the optional member that lists the refused objects of a request."""
    return fields.List(fields.Nested(RefusedObjectSchema), metadata={**OPTIONAL, "minItems": 1, **metadata})


def warnings_field() -> fields.List[Any]:
    """Return the optional member that lists the parts of a request without effect; only Mergelane has it."""
    return fields.List(
        fields.Nested(WarningSchema), metadata={**OPTIONAL, "minItems": 1, "description": WITHOUT_EFFECT}
    )


class RefusedSchema(ResponseSchema):
    """No object of the request was accepted; nothing changed."""

    message = fields.String()
    errors = refused_objects()
    warnings = warnings_field()
