"""Request bodies of one JSON text a line, read while they arrive: plain or gzip, of any length, in bounded memory."""

import codecs
import zlib
from collections.abc import Iterable, Iterator
from typing import IO

from flask import request
from werkzeug.exceptions import ClientDisconnected
from werkzeug.wsgi import get_input_stream

from app.errors import Rejected
from app.web.content_encoding import GZIP_FORMAT, NOT_GZIP, is_gzip
from app.web.json_bodies import CHARSET, WrongContentType, is_utf_8

MEDIA = ("application/x-ndjson", "application/jsonl", "application/json-lines")
WRONG_TYPE = f"The Content-Type header must be {', '.join(MEDIA[:-1])} or {MEDIA[-1]}."
#: Bytes that one step reads, and bytes that one step decompresses.
BLOCK = 65_536
CUT = "The request body ended too early; send the rest again."


class BodyCut(Rejected):
    """The client sends nothing more of a body that is not complete."""


def read_lines(*, longest: int) -> Iterator[bytes | None]:
    """Return the lines of this request's body, without their ends; None stands for a line above *longest* bytes.

    Raises WrongContentType and UnsupportedEncoding at once. The iterator raises Rejected where the body is not gzip, or
    ends too early. It needs no request context.
    """
    if request.mimetype not in MEDIA:
        raise WrongContentType(WRONG_TYPE)
    if not is_utf_8(request.mimetype_params.get("charset", "")):
        raise WrongContentType(CHARSET)
    # Not `request.stream`: that one is bounded, and decompresses the body at once.
    blocks = _blocks(get_input_stream(request.environ))
    is_compressed = is_gzip(request.headers.get("Content-Encoding", ""))
    return split_lines(decompress(blocks) if is_compressed else blocks, longest=longest)


def split_lines(blocks: Iterable[bytes], *, longest: int) -> Iterator[bytes | None]:
    """Yield the lines of *blocks*; None in place of a line of more than *longest* bytes, which is never held whole."""
    beginning, size = bytearray(), 0
    is_first = True
    for block in blocks:
        *ends, rest = block.split(b"\n")
        for end in ends:
            yield _line(beginning, end, is_first=is_first) if size + len(end) <= longest else None
            beginning, size, is_first = bytearray(), 0, False
        size += len(rest)
        if size <= longest:
            beginning += rest
        else:
            beginning.clear()
    if size:
        yield _line(beginning, b"", is_first=is_first) if size <= longest else None


def decompress(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the decompressed data of the gzip data *blocks* in parts of up to BLOCK bytes. Raises Rejected."""
    member = zlib.decompressobj(GZIP_FORMAT)
    for block in blocks:
        data = block
        while data:
            if member.eof:
                member = zlib.decompressobj(GZIP_FORMAT)
            try:
                part = member.decompress(data, BLOCK)
            except zlib.error:
                raise Rejected(NOT_GZIP) from None
            if part:
                yield part
            data = member.unused_data if member.eof else member.unconsumed_tail
    if not member.eof and (part := member.flush()):
        yield part
    if not member.eof:
        raise Rejected(NOT_GZIP)


def _line(beginning: bytearray, end: bytes, *, is_first: bool) -> bytes:
    line = bytes(beginning + end) if beginning else end
    line = line.removesuffix(b"\r")
    return line.removeprefix(codecs.BOM_UTF8) if is_first else line


def _blocks(stream: IO[bytes]) -> Iterator[bytes]:
    try:
        while block := stream.read(BLOCK):
            yield block
    except (OSError, ClientDisconnected):
        raise BodyCut(CUT) from None
