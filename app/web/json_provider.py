"""JSON out: orjson instead of the standard library, in time and ids as in strictness."""

from typing import Any

import orjson
from flask import Response
from flask.json.provider import JSONProvider


class OrjsonProvider(JSONProvider):
    """Flask's way to JSON, led through orjson."""

    def dumps(self, obj: Any, **_: Any) -> str:
        """Return *obj* as JSON."""
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """Return what the JSON in *s* says."""
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """Return an answer with the arguments as its JSON body."""
        body = self._prepare_response_obj(args, kwargs)
        return Response(orjson.dumps(body) + b"\n", mimetype="application/json")
