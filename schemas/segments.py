"""The body of `/segments/query`: a filter in the form of the vendor's connected audiences, and which page is wanted."""

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, post_load

from schemas.fields import MESSAGES, ListOf, Text, first_fault
from schemas.jobs import CURSOR, DEFAULT_LIMIT, MAX_LIMIT
from schemas.profile import EXPORTABLE, ProfileSchema
from schemas.segment_leaves import COSTLY, LEAVES, Leaf, Whole
from schemas.text import quoted

#: How deep AND and OR may nest, how many leaves they may hold, and how many of those may read the history.
MAX_DEPTH = 8
MAX_LEAVES = 50
MAX_COSTLY = 10
GROUPS = ("AND", "OR")
ONE_KEY = f"must be an object with exactly one key: AND, OR, {', '.join(LEAVES)}"
#: The greatest id that a profile can have.
MAX_ID = 2**63 - 1


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
    """Which profiles are asked for, which page of them, and which of their fields."""

    filter: Filter
    limit: int
    #: The id of the last profile of the page before; 0 for the first page.
    after: int
    #: None for all.
    fields: frozenset[str] | None


class FilterField(fields.Field[Filter]):
    """A filter: AND, OR or a leaf."""

    default_error_messages = MESSAGES

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Filter:
        """Return the filter that *value* writes."""
        found = _filter(value, depth=0)
        leaves = [leaf for _, leaf in leaves_of(found)]
        if len(leaves) > MAX_LEAVES:
            raise ValidationError(f"may not hold more than {MAX_LEAVES} filters")
        if sum(leaf.kind in COSTLY or "days" in leaf.given for leaf in leaves) > MAX_COSTLY:
            raise ValidationError(f"may not hold more than {MAX_COSTLY} filters that look back some days")
        return found


class PageEnd(fields.Field[int]):
    """Where a page ended: the id of the last profile on it, in a form that invites nobody to make one up."""

    default_error_messages = MESSAGES

    def _serialize(self, value: int | None, *_: Any, **__: Any) -> str | None:
        """Return *value* as text."""
        return None if value is None else base64.urlsafe_b64encode(value.to_bytes(8)).decode().rstrip("=")

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        """Return the id that the text *value* stands for."""
        try:
            found = int.from_bytes(base64.b64decode(f"{value}=", altchars=b"-_", validate=True))
        except (binascii.Error, ValueError):
            raise ValidationError(CURSOR) from None
        if not 0 <= found <= MAX_ID:
            raise ValidationError(CURSOR)
        return found


class SegmentSchema(Schema):
    """The body of a segment query."""

    class Meta:
        """A misspelt key must not seem to have been heeded."""

        unknown = RAISE

    filter = FilterField(required=True)
    limit = Whole(least=1, most=MAX_LIMIT, load_default=DEFAULT_LIMIT)
    cursor = PageEnd(allow_none=True)
    fields_to_export = ListOf(Text(), most=len(EXPORTABLE), allow_none=True)

    @post_load
    def _to_request(self, given: dict[str, Any], **_: Any) -> SegmentRequest:
        """Return *given* as a request."""
        wanted = given.get("fields_to_export")
        return SegmentRequest(
            filter=given["filter"],
            limit=given["limit"],
            after=given.get("cursor") or 0,
            fields=None if wanted is None else frozenset(wanted),
        )


class SegmentPageSchema(Schema):
    """The answer: how many profiles there are in all, and a page of them."""

    message = fields.Constant("success")
    count = fields.Integer()
    profiles = fields.List(fields.Nested(ProfileSchema))
    next_cursor = PageEnd(allow_none=True)


SEGMENT = SegmentSchema()


def load_segment(body: Any) -> SegmentRequest:
    """Return what *body* asks for. Raises ValidationError with one sentence that names the place of the fault."""
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
    """Yield the leaves of *filter_* in their order, each behind its place, such as `filter.AND.0.external_id`."""
    if isinstance(filter_, Leaf):
        yield f"{place}.{filter_.kind}", filter_
        return
    group = "AND" if isinstance(filter_, Every) else "OR"
    for index, part in enumerate(filter_.parts):
        yield from leaves_of(part, f"{place}.{group}.{index}")


def _filter(given: Any, *, depth: int) -> Filter:
    """Return the filter that *given* writes, *depth* groups deep; the errors name the place under it."""
    if not isinstance(given, dict) or len(given) != 1:
        raise ValidationError(ONE_KEY)
    ((key, content),) = given.items()
    if key in GROUPS:
        return (Every if key == "AND" else Some)(_parts(key, content, depth=depth + 1))
    if key not in LEAVES:
        raise ValidationError(ONE_KEY)
    return _leaf(key, content)


def _parts(key: str, content: Any, *, depth: int) -> list[Filter]:
    """Return the parts of the group *key*."""
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
    """Return the leaf of *kind* that *content* writes."""
    if not isinstance(content, dict):
        raise ValidationError({kind: "must be an object"})
    try:
        leaf: Leaf = LEAVES[kind].load(content)
    except ValidationError as error:
        raise ValidationError({kind: error.messages}) from None
    return replace(leaf, kind=kind)
