"""The custom attributes of one object of `/users/track`: values to set, and operations on stored values."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from marshmallow import ValidationError

from schemas.fields import MAX_TEXT
from schemas.nesting import LEFT_OUT, NestedFault, is_nested, nested_value
from schemas.operations import ChangeArray, Increment, MergeObject, Operation, check_elements, operation_of


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomAttributes:
    """Custom attributes by name; no name is in both mappings."""

    #: None deletes the attribute.
    values: Mapping[str, Any] = field(default_factory=dict)
    operations: Mapping[str, Operation] = field(default_factory=dict)
    #: The fault of the first invalid nested attribute; then the mappings have no nested ones.
    fault: str | None = None

    @property
    def nested(self) -> bool:
        """Whether one of them is nested."""
        return self != self.without_nested()

    def without_nested(self) -> "CustomAttributes":
        """Return the same without nested attributes."""
        return replace(
            self,
            values={name: value for name, value in self.values.items() if not is_nested(value)},
            operations={
                name: operation
                for name, operation in self.operations.items()
                if isinstance(operation, Increment | ChangeArray)
            },
        )


def load_custom_attributes(given: Mapping[str, Any], *, merge: bool) -> CustomAttributes:
    """Load custom attributes; with *merge*, objects are merged into the stored ones.

    As at the vendor, one invalid nested attribute drops all nested ones and keeps the plain ones.
    Raises ValidationError, with a sentence, when a name or a plain attribute is invalid.
    """
    values: dict[str, Any] = {}
    operations: dict[str, Operation] = {}
    fault: str | None = None
    for name, value in given.items():
        _check_name(name)
        try:
            read = _read(name, value, merge=merge)
        except NestedFault as error:
            fault = fault or str(error)
            continue
        if isinstance(read, Operation):
            operations[name] = read
        elif read is not LEFT_OUT:
            values[name] = read
    custom = CustomAttributes(values=values, operations=operations, fault=fault)
    return custom if fault is None else custom.without_nested()


def _read(name: str, value: Any, *, merge: bool) -> Any:
    """Return the stored form of *value*, an operation, or LEFT_OUT."""
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise ValidationError(f"The custom attribute '{name}' may not be longer than {MAX_TEXT} characters.")
    if isinstance(value, dict):
        operation = operation_of(name, value, merge=merge)
        if operation is not None:
            return operation
    if not is_nested(value):
        if isinstance(value, list):
            check_elements(name, value)
        return value
    stored = nested_value(name, value)
    return MergeObject(value=stored) if merge and isinstance(stored, dict) else stored


def _check_name(name: str) -> None:
    if not 0 < len(name) <= MAX_TEXT:
        raise ValidationError(f"The name of a custom attribute must have 1 to {MAX_TEXT} characters.")
