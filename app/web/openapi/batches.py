"""What requests that become a batch have in common: headers, and the body of the answer."""

from collections.abc import Mapping, Sequence

from app.web.openapi.parts import STRING, UUID, Json, Shape, an_object, parameter, words
from schemas.jobs import BatchSchema

SUCCESS = words("success")
SAFE_TO_REPEAT = (parameter("Idempotency-Key"), parameter("Prefer"))
BATCH_HEADERS = ("Location", "Retry-After", "Idempotent-Replayed?", "Preference-Applied?")


def accepted(vendors: Sequence[str], **properties: Shape) -> Json:
    """Return the body of the answer to a request that became a batch: the vendor's *properties*, and ours."""
    ours: Mapping[str, Shape] = {"batch_id": UUID, "status_url": STRING, "batch": BatchSchema}
    return an_object((*vendors, "batch_id", "status_url"), **properties, **ours)
