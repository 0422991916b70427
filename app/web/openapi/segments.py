"""Segments: profiles found by what they are and what they did. Mergelane's own."""

from collections.abc import Mapping

from app.web.openapi.parts import BAD_REQUEST, OK, REJECTED, Operation, Tag, answer
from schemas.segments import SegmentPageSchema, SegmentSchema

OPERATIONS: Mapping[str, Operation] = {
    "POST /segments/query": Operation(
        tag=Tag.SEGMENTS,
        summary="Count and page the profiles that a filter describes",
        body=SegmentSchema,
        answers={OK: answer("The exact count, and a page of profiles.", SegmentPageSchema), BAD_REQUEST: REJECTED},
    ),
}
