"""Log lines: what stands in them, for machines and for people."""

import io
import logging
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from app.config import Settings
from app.logs import configuration, configure, request_id


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, put back as it was after the test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield root
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def logged(root: logging.Logger, log_format: str, **fields: Any) -> str:
    """Return the line that one event becomes."""
    configure(Settings(log_format=log_format))
    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    stream = io.StringIO()
    handler.setStream(stream)
    logging.getLogger("app.test").info("Something happened", extra=fields)
    return stream.getvalue()


def test_a_line_for_machines_is_json_with_its_fields_beside_the_message(root: logging.Logger) -> None:
    line = orjson.loads(logged(root, "json", job_id="j-1", attempts=2))

    assert line.pop("timestamp").endswith("+00:00")
    assert line == {
        "level": "INFO",
        "logger": "app.test",
        "message": "Something happened",
        "job_id": "j-1",
        "attempts": 2,
    }


def test_a_line_for_people_ends_with_its_fields(root: logging.Logger) -> None:
    line = logged(root, "text", job_id="j-1", attempts=2)

    assert line.endswith(" INFO    app.test: Something happened job_id=j-1 attempts=2\n")


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_lines_of_a_request_have_its_id(root: logging.Logger, log_format: str) -> None:
    token = request_id.set("r-1")
    try:
        inside = logged(root, log_format)
    finally:
        request_id.reset(token)

    assert "r-1" in inside
    assert "request_id" not in logged(root, log_format)


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_traceback_stands_in_the_log(root: logging.Logger, log_format: str) -> None:
    configure(Settings(log_format=log_format))
    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    stream = io.StringIO()
    handler.setStream(stream)
    try:
        int("x")
    except ValueError:
        logging.getLogger("app.test").exception("It broke")

    assert "ValueError: invalid literal for int()" in stream.getvalue()


def test_lines_below_the_level_are_left_out(root: logging.Logger) -> None:
    configure(Settings(log_level="WARNING"))

    assert not logging.getLogger("app.test").isEnabledFor(logging.INFO)
    assert configuration(Settings(log_level="DEBUG"))["root"]["level"] == "DEBUG"
