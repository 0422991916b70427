"""A collector of traces: it accepts OTLP over HTTP and keeps the spans."""

import gzip
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, kw_only=True)
class Received:
    """A received span. Ids are hexadecimal, times are nanoseconds since the epoch."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    links: tuple[str, ...]
    began: int
    ended: int
    failed: bool
    attributes: dict[str, str]


class Collector:
    """A running collector on its own port."""

    def __init__(self) -> None:
        self.spans: list[Received] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.spans += read_spans(body) if self.path == "/v1/traces" else []
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def named(self, name: str, trace_id: str) -> list[Received]:
        """Return the spans with this name in this trace."""
        return [span for span in self.spans if (span.name, span.trace_id) == (name, trace_id)]

    def close(self) -> None:
        """Stop the collector."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def read_spans(body: bytes) -> list[Received]:
    """Return the spans in the *body* of a request."""
    message = ExportTraceServiceRequest.FromString(body)
    return [
        Received(
            service=next(each.value.string_value for each in sent.resource.attributes if each.key == "service.name"),
            name=span.name,
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            parent_id=span.parent_span_id.hex(),
            links=tuple(link.trace_id.hex() for link in span.links),
            began=span.start_time_unix_nano,
            ended=span.end_time_unix_nano,
            failed=span.status.code == span.status.STATUS_CODE_ERROR,
            attributes={each.key: each.value.string_value or str(each.value.int_value) for each in span.attributes},
        )
        for sent in message.resource_spans
        for scope in sent.scope_spans
        for span in scope.spans
    ]
