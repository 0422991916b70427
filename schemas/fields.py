"""Fields of requests: marshmallow's fields with messages that read as sentences, and without silent conversions.

A message that begins with a lower-case letter is a predicate: `first_fault` puts the field's name before it.
The class attribute `json_schema` of a field is its part of the OpenAPI document.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from marshmallow import ValidationError, fields, validate
from marshmallow.exceptions import SCHEMA

from schemas.moments import moment_in
from schemas.text import quoted

#: Maximum characters of a text of a profile.
MAX_TEXT = 255
#: First and last year of a moment; a year outside is a mistake.
YEARS = (1900, 3000)

MESSAGES: dict[str, str | list[Any] | dict[Any, Any]] = {"required": "is required", "null": "may not be null"}


class Text(fields.String):
    """Text of *least* to *most* characters."""

    json_schema: Mapping[str, Any] = {}

    default_error_messages = {**MESSAGES, "invalid": "must be a string"}  # noqa: RUF012 - as marshmallow declares it

    def __init__(self, *, least: int = 0, most: int = MAX_TEXT, **options: Any) -> None:
        checks = [validate.Length(max=most, error=f"may not be longer than {most} characters")]
        if least:
            checks.append(validate.Length(min=least, error="may not be empty"))
        super().__init__(validate=[*checks, *options.pop("validate", ())], **options)


class Bytes(Text):
    """Text of 1 to *most* bytes in UTF-8."""

    def __init__(self, *, most: int, **options: Any) -> None:
        checks = [lambda text: _check_bytes(text, most), *options.pop("validate", ())]
        super().__init__(least=1, most=most, validate=checks, **options)


class NameText(Text):
    """A name of 1 to 255 characters. A whole number becomes its digits, as at the vendor."""

    json_schema: Mapping[str, Any] = {
        "type": ["string", "integer"],
        "description": "A whole number becomes its digits.",
    }
    default_error_messages = {  # noqa: RUF012 - as marshmallow declares it
        **MESSAGES,
        "invalid": "must be a string, or a whole number of at most 64 bits",
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(least=1, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text: str = super()._deserialize(digits_of_whole(value), attr, data, **kwargs)
        return text


class Choice(Text):
    """One of *words*; with *upper* the text is trimmed and converted to upper case first."""

    def __init__(self, *words: str, upper: bool = False, **options: Any) -> None:
        self._upper = upper
        *most, last = words
        sentence = f"must be one of {', '.join(most)} and {last}"
        super().__init__(validate=[validate.OneOf(words, error=sentence)], **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        return text.strip().upper() if self._upper else text


class Truth(fields.Field[bool]):
    """true or false; no other value is converted."""

    json_schema: Mapping[str, Any] = {"type": "boolean"}
    default_error_messages = MESSAGES

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("must be true or false")
        return value


class Switch(Truth):
    """true or false, or either as text in any case: some connectors send text."""

    json_schema: Mapping[str, Any] = {"type": "boolean", "description": 'Also accepted as text: "true" or "false".'}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        return super()._deserialize(truth_in(value))


class Number(fields.Field[float]):
    """A number from *least* to *most*."""

    json_schema: Mapping[str, Any] = {"type": "number"}
    default_error_messages = MESSAGES

    def __init__(self, *, least: float, most: float, **options: Any) -> None:
        sentence = f"must be a number from {least:,} to {most:,}"
        self._sentence = sentence
        super().__init__(validate=validate.Range(min=least, max=most, error=sentence), **options)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValidationError(self._sentence)
        return value


class Moment(fields.Field[datetime]):
    """A moment in ISO 8601 form; loaded as an aware datetime in UTC. Without a zone it is UTC.

    It has whole milliseconds, as exports have, so that a stored moment equals the exported one.
    """

    json_schema: Mapping[str, Any] = {
        "type": "string",
        "description": "A moment in ISO 8601 form, or in another form of the vendor's documents, such as 01/31/2026;"
        " without a zone it is UTC. Stored in whole milliseconds.",
        "examples": ["2026-05-01T12:00:00Z"],
    }
    default_error_messages = MESSAGES

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> datetime:
        moment = moment_in(value)
        if moment is None:
            raise ValidationError("must be a moment in ISO 8601 form")
        if not YEARS[0] <= moment.year <= YEARS[1]:
            raise ValidationError(f"must lie between the years {YEARS[0]} and {YEARS[1]}")
        return moment


class Day(fields.Field[date]):
    """A day in the form YYYY-MM-DD."""

    json_schema: Mapping[str, Any] = {"type": "string", "format": "date"}
    default_error_messages = MESSAGES

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> date:
        try:
            return datetime.strptime(value.strip(), "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no zone
        except (AttributeError, ValueError):
            raise ValidationError("must be a day in the form YYYY-MM-DD") from None


class Object(fields.Field[dict[str, Any]]):
    """A JSON object with any members."""

    json_schema: Mapping[str, Any] = {"type": "object", "additionalProperties": True}
    default_error_messages = MESSAGES

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError("must be an object")
        return value


class ListOf(fields.List[Any]):
    """An array of at most *most* elements; *too_many* is the error message for a longer one."""

    default_error_messages = {**MESSAGES, "invalid": "must be an array"}  # noqa: RUF012 - as marshmallow declares it

    def __init__(self, inner: Any, *, most: int, too_many: str = "", **options: Any) -> None:
        error = too_many or f"may not have more than {most} elements"
        super().__init__(inner, validate=validate.Length(max=most, error=error), **options)


class Nested(fields.Nested):
    """An object with its own schema; anything else than an object is an error."""

    default_error_messages = MESSAGES

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(value, dict):
            raise ValidationError("must be an object")
        return super()._deserialize(value, *args, **kwargs)


def truth_in(value: Any) -> Any:
    """Return the truth that the text *value* names; any other value unchanged."""
    return {"true": True, "false": False}.get(value.strip().lower(), value) if isinstance(value, str) else value


def first_fault(messages: Any) -> str:
    """Return the first of marshmallow's nested *messages* as one sentence that names the field."""
    path: list[str] = []
    while not isinstance(messages, str):
        if isinstance(messages, list):
            messages = messages[0]
            continue
        key, messages = next(iter(messages.items()))
        if key != SCHEMA:
            path.append(quoted(str(key)))
    return f"'{'.'.join(path)}' {messages}" if path and messages[:1].islower() else messages


def digits_of_whole(value: Any) -> Any:
    """Return the whole number *value* as text; any other value unchanged."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _check_bytes(text: str, most: int) -> None:
    if len(text.encode()) > most:
        raise ValidationError(f"may not be longer than {most} bytes")
