"""The cause of a refusal of the broker: the first word of its reply, from any wrapping library, and never a value."""

import pytest
from kombu.exceptions import OperationalError
from redis import exceptions
from redis._parsers import _RESP2Parser

from app.errors import NO_ANSWER
from app.metrics.servers import BROKER_CAUSES
from workers.broker_errors import REASONS, cause_of, to_broker_unavailable


def reply(line: str) -> Exception:
    """Return the error that redis-py makes of an error reply."""
    error: Exception = _RESP2Parser.parse_error(line)
    return error


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("OOM command not allowed", "OOM"),
        ("LOADING Redis is loading", "LOADING"),
        ("NOREPLICAS Not enough good replicas", "NOREPLICAS"),
        ("NOAUTH Authentication required.", "NOAUTH"),
        ("ERR max number of clients reached", "ERR"),
        ("XYZZY", "XYZZY"),
        ("Ann Lee of Ulm", "ERR"),
        ("ERR Error running script (call to f_e): @user_script:2: @user_script: 2: -READONLY You can't", "READONLY"),
    ],
)
def test_an_error_reply_is_named_by_its_first_word(line: str, cause: str) -> None:
    assert cause_of(reply(line)) == cause


def test_a_reply_within_a_pipeline_is_named_without_the_command() -> None:
    text = "Command # 1 (LPUSH mergelane secret) of pipeline caused error: NOREPLICAS Not enough good replicas"

    assert cause_of(exceptions.ResponseError(text)) == "NOREPLICAS"


def test_the_cause_of_a_wrapped_error_is_found() -> None:
    wrapped = OperationalError("x")
    wrapped.__cause__ = reply("READONLY You can't write")

    assert cause_of(wrapped) == "READONLY"


def test_a_refusal_of_rabbitmq_is_named_by_its_code() -> None:
    error = Exception("ACCESS_REFUSED - user secret")
    error.reply_code = 403  # type: ignore[attr-defined]

    assert cause_of(error) == "403"


@pytest.mark.parametrize("error", [exceptions.ConnectionError("x"), exceptions.TimeoutError("x"), OSError("x")])
def test_a_broker_that_does_not_answer_refuses_nothing(error: Exception) -> None:
    assert cause_of(error) == NO_ANSWER
    assert "is it running at BROKER_URL?" in str(to_broker_unavailable(error, "does nothing"))


def test_the_message_of_a_refusal_has_no_value_and_does_not_blame_the_url() -> None:
    unavailable = to_broker_unavailable(reply("NOPERM User secret has no permissions"), "does nothing")

    assert str(unavailable) == "The broker does nothing: it refuses (NOPERM, the user lacks a permission)."
    assert unavailable.cause == "NOPERM"


def test_every_cause_with_a_reason_is_a_label_of_the_metric() -> None:
    assert REASONS.keys() <= set(BROKER_CAUSES)
