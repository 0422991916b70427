"""Lenient fields: an invalid value is left out with a warning, and the other values of its object are kept."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError, fields

from schemas.fields import first_fault

LEFT_OUT = "it was left out"
STORED_AS_NULL = "it was stored as null"


@dataclass(frozen=True, slots=True)
class Invalid:
    """Stands for an invalid value in a loaded object until settle_invalid removes it."""

    #: marshmallow's messages: predicates, perhaps under the keys of the part that is invalid.
    messages: Any
    #: Whether null is stored in its place, as the vendor does for some attributes; else nothing changes.
    as_null: bool = False


class StoredAsNull(ValidationError):
    """An invalid value in whose place a lenient field stores null."""


class Lenient(fields.Field[Any]):
    """A field like *inner*, but an invalid value becomes Invalid and raises no error."""

    def __init__(self, inner: fields.Field[Any], **options: Any) -> None:
        self.inner = inner
        super().__init__(**options)

    def _bind_to_schema(self, field_name: str, parent: Any) -> None:
        super()._bind_to_schema(field_name, parent)
        self.inner._bind_to_schema(field_name, self)  # noqa: SLF001 - as marshmallow's own fields with inner ones do

    def deserialize(
        self, value: Any, attr: str | None = None, data: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        try:
            return self.inner.deserialize(value, attr, data, **kwargs)
        except ValidationError as error:
            return Invalid(error.messages, as_null=isinstance(error, StoredAsNull))


def settle_invalid(loaded: Mapping[str, Any], *, names: Iterable[str]) -> tuple[dict[str, Any], list[str]]:
    """Return *loaded* without invalid values, and a sentence for each of them, in the order of *names*.

    *names* are the names of all fields. Of a list, only the invalid elements are left out.
    """
    settled = dict(loaded)
    sentences: list[str] = []
    for name in names:
        value = loaded.get(name)
        if isinstance(value, Invalid):
            sentences.append(_sentence(value, name))
            if value.as_null:
                settled[name] = None
            else:
                del settled[name]
        elif isinstance(value, list) and any(isinstance(each, Invalid) for each in value):
            sentences += [_sentence(each, name, place) for place, each in enumerate(value) if isinstance(each, Invalid)]
            settled[name] = [each for each in value if not isinstance(each, Invalid)]
    return settled, sentences


def _sentence(invalid: Invalid, *path: str | int) -> str:
    messages = invalid.messages
    for key in reversed(path):
        messages = {key: messages}
    effect = STORED_AS_NULL if invalid.as_null else LEFT_OUT
    whole = ".".join(map(str, path))
    fault = first_fault(messages)
    subject = effect if fault.startswith(f"'{whole}' ") else effect.replace("it", f"'{whole}'", 1)
    return f"{fault}, so {subject}."
