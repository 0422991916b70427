"""The custom attributes of a profile in an import: stored values, never operations."""

from typing import Any

from marshmallow import ValidationError

from schemas.fields import MAX_TEXT, first_fault
from schemas.nesting import LEFT_OUT, NestedFault, is_nested, nested_value
from schemas.operations import check_elements
from schemas.oversized_integers import holds_oversized
from schemas.text import quoted


def custom_attributes(value: Any) -> tuple[dict[str, Any], list[str]]:
    """Return the valid custom attributes, and a sentence for each that was left out."""
    if not isinstance(value, dict):
        raise ValidationError("must be an object")
    kept: dict[str, Any] = {}
    left_out: list[str] = []
    for name, each in value.items():
        if each is None:
            continue
        try:
            stored = _stored(name, each)
        except (NestedFault, ValidationError) as error:
            fault = first_fault(error.messages) if isinstance(error, ValidationError) else str(error)
            left_out.append(f"{fault.removesuffix('.')}, so it was left out.")
            continue
        if stored is not LEFT_OUT:
            kept[name] = stored
    return kept, left_out


def _stored(name: str, value: Any) -> Any:
    """Return *value* as it is stored."""
    if not 0 < len(name) <= MAX_TEXT:
        raise ValidationError(f"The name of a custom attribute must have 1 to {MAX_TEXT} characters")
    kind = type(value)
    if kind is bool or kind is int or kind is float:
        return value
    label = quoted(name)
    if kind is str:
        if len(value) > MAX_TEXT:
            raise ValidationError(f"The custom attribute '{label}' is longer than {MAX_TEXT} characters")
        return value
    if holds_oversized(value):
        raise ValidationError(f"The custom attribute '{label}' has an integer beyond 64 bits")
    if is_nested(value):
        return nested_value(label, value)
    check_elements(label, value)
    return value
