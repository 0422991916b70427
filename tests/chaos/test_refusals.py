"""PostgreSQL and Redis refuse in every way: no process ends, web answers as documented, and every job finishes.

A sweep injects all refusals without a pause. `make refusals` injects each alone and checks everything after each.
"""

from collections.abc import Iterator

import pytest

from app.errors import SetupError
from chaos.refusals import BROKER_REFUSALS, CONNECT_REFUSALS, STATEMENT_REFUSALS
from chaos.refusals_run import RefusingInstallation, refusing_installation
from tests.support.missing import missing


@pytest.fixture(scope="module")
def shared_refusing() -> Iterator[RefusingInstallation]:
    try:
        with refusing_installation() as installation:
            yield installation
            installation.await_end(workers=True)
    except SetupError as error:
        missing("PostgreSQL or Redis", error)


@pytest.fixture
def refusing(shared_refusing: RefusingInstallation) -> Iterator[RefusingInstallation]:
    """The product behind proxies that refuse. After each test all jobs are finished, and no process was replaced."""
    yield shared_refusing

    shared_refusing.end()
    shared_refusing.await_end()
    assert shared_refusing.running_pids() == shared_refusing.pids


def test_every_error_reply_of_redis_is_waited_out(refusing: RefusingInstallation) -> None:
    refusing.make_profiles(len(BROKER_REFUSALS))
    for number, refusal in enumerate(BROKER_REFUSALS):
        refusing.strike(refusal, workers=number % 4 == 0)


def test_every_sqlstate_of_a_statement_is_waited_out(refusing: RefusingInstallation) -> None:
    refusing.make_profiles(1)
    refusing.post_merge()
    for refusal in STATEMENT_REFUSALS:
        refusing.strike(refusal)


def test_every_refusal_of_a_connection_is_waited_out(refusing: RefusingInstallation) -> None:
    refusing.make_profiles(1)
    refusing.post_merge()
    # Each takes web two timeouts of its pool, so this test injects only every third one.
    for refusal in CONNECT_REFUSALS[::3]:
        refusing.strike(refusal)
