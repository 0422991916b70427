"""Log lines as JSON and as text."""

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from app.config import Settings
from app.errors import SetupError
from app.logs import configure_logging, logging_configuration, request_id


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, restored after the test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    hooks = sys.excepthook, threading.excepthook
    try:
        yield root
    finally:
        sys.excepthook, threading.excepthook = hooks
        root.handlers[:] = handlers
        root.setLevel(level)


def logged(root: logging.Logger, log_format: str, **fields: Any) -> str:
    """Log one event and return its line."""
    configure_logging(Settings(log_format=log_format))
    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    stream = io.StringIO()
    handler.setStream(stream)
    logging.getLogger("app.test").info("Something happened", extra=fields)
    return stream.getvalue()


def test_a_json_line_has_its_fields_beside_the_message(root: logging.Logger) -> None:
    line = orjson.loads(logged(root, "json", job_id="j-1", attempts=2))

    assert line.pop("timestamp").endswith("+00:00")
    assert line == {
        "level": "INFO",
        "logger": "app.test",
        "message": "Something happened",
        "job_id": "j-1",
        "attempts": 2,
    }


def test_a_text_line_ends_with_its_fields(root: logging.Logger) -> None:
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


def written(root: logging.Logger, **settings: Any) -> io.StringIO:
    """Configure the log with *settings* and return the stream that it writes to."""
    configure_logging(Settings(**settings))
    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    stream = io.StringIO()
    handler.setStream(stream)
    return stream


def fail() -> None:
    int("jane@example.com")


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_traceback_names_the_place_of_the_error_without_its_text(root: logging.Logger, log_format: str) -> None:
    stream = written(root, log_format=log_format)
    try:
        fail()
    except ValueError:
        logging.getLogger("app.test").exception("It broke")

    assert "in fail" in stream.getvalue()
    assert "ValueError (text withheld" in stream.getvalue()
    assert "invalid literal" not in stream.getvalue()


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_traceback_has_the_text_of_the_error_if_the_setting_is_on(root: logging.Logger, log_format: str) -> None:
    stream = written(root, log_format=log_format, log_error_texts=True)
    try:
        fail()
    except ValueError:
        logging.getLogger("app.test").exception("It broke")

    assert "ValueError: invalid literal for int() with base 10: 'jane@example.com'" in stream.getvalue()


def test_uncaught_errors_are_logged_without_their_text(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = written(root)
    error = ValueError("jane@example.com")
    sys.excepthook(ValueError, error, None)
    threading.excepthook(threading.ExceptHookArgs((ValueError, error, None, None)))

    lines = [orjson.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["message"] for line in lines] == [
        "uncaught_error",
        "uncaught_error_in_thread",
    ]
    assert "jane" not in stream.getvalue() + capsys.readouterr().err


def test_a_setup_error_is_logged_without_a_traceback(root: logging.Logger) -> None:
    stream = written(root)
    sys.excepthook(SetupError, SetupError("DATABASE_URL is not set; set it."), None)

    line = orjson.loads(stream.getvalue())
    assert line["message"] == "DATABASE_URL is not set; set it."
    assert "exc_info" not in line


def test_interrupts_and_exits_are_not_logged(root: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    stream = written(root)
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    threading.excepthook(threading.ExceptHookArgs((SystemExit, SystemExit(), None, None)))

    assert stream.getvalue() == ""
    assert "KeyboardInterrupt" in capsys.readouterr().err


def test_lines_below_the_level_are_left_out(root: logging.Logger) -> None:
    configure_logging(Settings(log_level="WARNING"))

    assert not logging.getLogger("app.test").isEnabledFor(logging.INFO)
    assert logging_configuration(Settings(log_level="DEBUG"))["root"]["level"] == "DEBUG"


FORGED = "2026-11-28 00:00:00,000 CRITICAL app.web: FORGED"


@pytest.mark.parametrize(
    "separator", ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
)
@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_value_cannot_start_a_new_line(root: logging.Logger, log_format: str, separator: str) -> None:
    line = logged(root, log_format, workspace_id=f"1{separator}{FORGED}")

    assert line.splitlines() == [line.rstrip("\n")]


def test_a_value_cannot_write_to_the_terminal(root: logging.Logger) -> None:
    line = logged(root, "text", path="\x1b[2J\x9b2J\x07\x00\u202e\u200b")

    assert line.endswith(r" path=\x1b[2J\x9b2J\x07\x00\u202e\u200b" + "\n")


@pytest.mark.parametrize("value", ["\x1b[2J\x9b2J\x07\x00\u202e\u200b\x7f\U000e0001", "\ud800", 2**70, {"\udcff": [1]}])
def test_a_json_line_is_printable_and_has_every_value(root: logging.Logger, value: Any) -> None:
    line = logged(root, "json", path=value, lane="1")

    assert line.removesuffix("\n").isprintable()
    assert json.loads(line)["path"] == value
    assert json.loads(line)["lane"] == "1"


@pytest.mark.parametrize("value", ["\ud800", 2**70, {"\udcff": [1]}])
def test_a_text_line_has_every_value(root: logging.Logger, value: Any) -> None:
    line = logged(root, "text", path=value)

    assert line.removesuffix("\n").isprintable()
    assert " path=" in line


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_the_names_of_loggers_and_fields_cannot_start_a_new_line(root: logging.Logger, log_format: str) -> None:
    logged(root, log_format)
    stream, handler = io.StringIO(), root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)

    logging.getLogger(f"app\n{FORGED}").warning("x", extra={f"a\u2028{FORGED}": 1, "request_id": f"1\x85{FORGED}"})

    assert len(stream.getvalue().splitlines()) == 1


def test_a_message_cannot_start_a_new_line(root: logging.Logger) -> None:
    assert logged(root, "text").count("\n") == 1
    stream = io.StringIO()
    handler = root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)

    logging.getLogger("library").info("Lost %s", f"it\n{FORGED}")

    assert stream.getvalue().count("\n") == 1


def test_the_text_of_an_error_cannot_start_a_new_line(root: logging.Logger) -> None:
    configure_logging(Settings(log_format="text", log_error_texts=True))
    handler, stream = root.handlers[0], io.StringIO()
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    try:
        int(f"broken\n{FORGED}\u2028{FORGED}")
    except ValueError as error:
        error.add_note(f"of a client\n{FORGED}\u2028{FORGED}")
        logging.getLogger("app.test").exception("It failed", stack_info=True)

    first, *rest = stream.getvalue().splitlines()

    assert first.endswith(" ERROR   app.test: It failed")
    assert any("FORGED" in line for line in rest)
    assert all(line.startswith("  ") for line in rest)
