"""The body of `/segments/query`: a filter in the form of the vendor's connected audiences, and a page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from schemas.base import ResponseSchema, StrictRequestSchema, count_field
from schemas.fields import MESSAGES, ListOf, Text, first_fault
from schemas.paging import DEFAULT_LIMIT, MAX_LIMIT, ProfileCursor
from schemas.profile import EXPORTABLE, ProfileSchema
from schemas.segment_comparisons import Leaf, Whole
from schemas.segment_leaves import COSTLY, LEAVES
from schemas.text import quoted

#: Maximum levels of AND and OR, leaves of a filter, and leaves that read the history.
MAX_DEPTH = 8
MAX_LEAVES = 50
MAX_COSTLY = 10
GROUPS = ("AND", "OR")
ONE_KEY = f"must be an object with exactly one key: AND, OR, {', '.join(LEAVES)}"


@dataclass(frozen=True, slots=True)
class Every:
    """All *parts* must hold."""

    parts: Sequence["Filter"]


@dataclass(frozen=True, slots=True)
class Some:
    """One of *parts* must hold."""

    parts: Sequence["Filter"]


Filter = Every | Some | Leaf


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRequest:
    """A loaded request: the filter, the page, and the requested fields."""

    filter: Filter
    limit: int
    #: The id of the last profile of the page before; 0 for the first page.
    after: int
    #: None for all.
    fields: frozenset[str] | None


class SegmentFilterSchema(StrictRequestSchema):
    """AND or OR of filters, or one filter: exactly one key. See docs/segments.md."""

    json_schema = {"minProperties": 1, "maxProperties": 1}  # noqa: RUF012  not written to

    class Meta(StrictRequestSchema.Meta):
        include = {  # noqa: RUF012  marshmallow reads it
            **{
                group: fields.List(fields.Nested("SegmentFilterSchema"), validate=validate.Length(1, MAX_LEAVES))
                for group in GROUPS
            },
            **{kind: fields.Nested(leaf) for kind, leaf in LEAVES.items()},
        }


class FilterField(fields.Field[Filter]):
    """A filter: AND, OR or a leaf."""

    json_schema = {"shape": SegmentFilterSchema}  # noqa: RUF012  not written to
    default_error_messages = MESSAGES

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Filter:
        found = _filter(value, depth=0)
        leaves = [leaf for _, leaf in leaves_of(found)]
        if len(leaves) > MAX_LEAVES:
            raise ValidationError(f"may not hold more than {MAX_LEAVES} filters")
        if sum(leaf.kind in COSTLY or "days" in leaf.given for leaf in leaves) > MAX_COSTLY:
            raise ValidationError(f"may not hold more than {MAX_COSTLY} filters that look back some days")
        return found


class SegmentSchema(StrictRequestSchema):
    """A filter of profiles, and a page."""

    filter = FilterField(required=True)
    limit = Whole(least=1, most=MAX_LIMIT, load_default=DEFAULT_LIMIT)
    cursor = ProfileCursor(allow_none=True)
    fields_to_export = ListOf(Text(), most=len(EXPORTABLE), allow_none=True)

    @post_load
    def _to_request(self, given: dict[str, Any], **_: Any) -> SegmentRequest:
        selected = given.get("fields_to_export")
        return SegmentRequest(
            filter=given["filter"],
            limit=given["limit"],
            after=given.get("cursor") or 0,
            fields=None if selected is None else frozenset(selected),
        )


class SegmentPageSchema(ResponseSchema):
    """The exact number of matching profiles, and a page of them."""

    message = fields.Constant("success", metadata={"type": "string", "enum": ["success"]})
    count = count_field()
    profiles = fields.List(fields.Nested(ProfileSchema))
    next_cursor = ProfileCursor(allow_none=True)


SEGMENT = SegmentSchema()


def load_segment(body: Any) -> SegmentRequest:
    """Load a segment query from *body*; raise ValidationError with a sentence that names the place of the fault."""
    if not isinstance(body, dict):
        raise ValidationError("The request body must be a JSON object.")
    if unknown := sorted(body.keys() - SEGMENT.fields.keys()):
        raise ValidationError(
            f"'{quoted(unknown[0])}' is no key of this request; its keys are {', '.join(SEGMENT.fields)}."
        )
    try:
        request: SegmentRequest = SEGMENT.load(body)
    except ValidationError as error:
        raise ValidationError(first_fault(error.messages)) from None
    if unknown := sorted((request.fields or frozenset()) - EXPORTABLE):
        raise ValidationError(f"'fields_to_export' names '{quoted(unknown[0])}', which is no field of an export.")
    return request


def leaves_of(filter_: Filter, place: str = "filter") -> Iterator[tuple[str, Leaf]]:
    """Yield the leaves of *filter_* in order, each with its place, such as `filter.AND.0.external_id`."""
    if isinstance(filter_, Leaf):
        yield f"{place}.{filter_.kind}", filter_
        return
    group = "AND" if isinstance(filter_, Every) else "OR"
    for index, part in enumerate(filter_.parts):
        yield from leaves_of(part, f"{place}.{group}.{index}")


def _filter(given: Any, *, depth: int) -> Filter:
    """Load a filter at *depth* groups; the errors name the place below it."""
    if not isinstance(given, dict) or len(given) != 1:
        raise ValidationError(ONE_KEY)
    ((key, content),) = given.items()
    if key in GROUPS:
        return (Every if key == "AND" else Some)(_parts(key, content, depth=depth + 1))
    if key not in LEAVES:
        raise ValidationError(ONE_KEY)
    return _leaf(key, content)


def _parts(key: str, content: Any, *, depth: int) -> list[Filter]:
    if not isinstance(content, list) or not 0 < len(content) <= MAX_LEAVES:
        raise ValidationError({key: f"must be an array of 1 to {MAX_LEAVES} filters"})
    if depth > MAX_DEPTH:
        raise ValidationError({key: f"may not nest deeper than {MAX_DEPTH} groups"})
    parts = []
    for index, each in enumerate(content):
        try:
            parts.append(_filter(each, depth=depth))
        except ValidationError as error:
            raise ValidationError({key: {index: error.messages}}) from None
    return parts


def _leaf(kind: str, content: Any) -> Leaf:
    if not isinstance(content, dict):
        raise ValidationError({kind: "must be an object"})
    try:
        leaf: Leaf = LEAVES[kind].load(content)
    except ValidationError as error:
        raise ValidationError({kind: error.messages}) from None
    return replace(leaf, kind=kind)
