"""Request bodies in gzip (Content-Encoding): decompressed when they are read, within the limit of all bodies."""

import zlib
from functools import cached_property
from io import BytesIO
from typing import IO

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from app.errors import Rejected

GZIP = frozenset({"gzip", "x-gzip"})
ACCEPTED = "gzip, identity"
UNSUPPORTED = "The Content-Encoding header must be gzip or identity; send the request body in one of them."
NOT_GZIP = (
    "The Content-Encoding header is gzip, but the request body is not complete gzip data; compress the body or"
    " remove the header."
)
#: zlib's parameter for data in gzip format.
GZIP_FORMAT = 16 + zlib.MAX_WBITS


class UnsupportedEncoding(Rejected):
    """The Content-Encoding of the request body is neither gzip nor identity."""

    status = 415


class DecodedRequest(Request):
    """A request whose body is decompressed.

    Reading the body raises UnsupportedEncoding, Rejected if the body is not gzip, and RequestEntityTooLarge if it has
    more than `max_content_length` bytes before or after decompression.
    """

    @cached_property
    def stream(self) -> IO[bytes]:
        body = super().stream
        if not is_gzip(self.headers.get("Content-Encoding", "")):
            return body
        return BytesIO(
            _decompress(body.read(), limit=self.max_content_length or 0, whole=self.content_length is not None)
        )


def is_gzip(header: str) -> bool:
    """Return whether the Content-Encoding *header* is gzip rather than identity. Raises UnsupportedEncoding."""
    encodings = [each.strip().lower() for each in header.split(",")]
    encodings = [each for each in encodings if each not in {"", "identity"}]
    if len(encodings) > 1 or not GZIP.issuperset(encodings):
        raise UnsupportedEncoding(UNSUPPORTED)
    return bool(encodings)


def _decompress(data: bytes, *, limit: int, whole: bool) -> bytes:
    """Return the decompressed *data*, at most *limit* bytes; not *whole*: werkzeug has cut it at *limit* bytes."""
    if not whole and len(data) >= limit:
        raise RequestEntityTooLarge
    parts: list[bytes] = []
    room = limit
    try:
        while data or not parts:
            member = zlib.decompressobj(GZIP_FORMAT)
            parts.append(member.decompress(data, room + 1))
            room -= len(parts[-1])
            if room < 0:
                raise RequestEntityTooLarge
            if not member.eof:
                raise Rejected(NOT_GZIP)
            data = member.unused_data
    except zlib.error:
        raise Rejected(NOT_GZIP) from None
    return b"".join(parts)
