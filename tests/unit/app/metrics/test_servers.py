"""The metric of waiting services: the server and the cause, one at a time, and no series while a service works."""

from app.errors import BrokerUnavailable, DatabaseUnavailable, ResolutionUnsettled
from app.metrics.servers import WAITING, Wait


def test_a_service_waits_for_one_cause_at_a_time() -> None:
    wait = Wait()
    before = WAITING.value("broker", "OOM")

    assert wait.begin(BrokerUnavailable("x", cause="OOM"))
    assert not wait.begin(BrokerUnavailable("y", cause="OOM"))
    assert WAITING.value("broker", "OOM") == before + 1
    assert wait.begin(DatabaseUnavailable("x", cause="25006"))
    assert (WAITING.value("broker", "OOM"), WAITING.value("postgresql", "25006")) == (before, 1)
    assert wait.end()
    assert not wait.end()
    assert WAITING.value("postgresql", "25006") == 0


def test_an_unknown_cause_counts_as_other() -> None:
    wait = Wait()
    for error in (
        BrokerUnavailable("x", cause="XYZZY"),
        DatabaseUnavailable("x", cause="ZZ999"),
        ResolutionUnsettled(),
    ):
        assert wait.begin(error) or isinstance(error, ResolutionUnsettled)
    assert WAITING.value("postgresql", "other") == 1
    wait.end()


def test_only_current_waits_have_a_series() -> None:
    wait = Wait()
    wait.begin(BrokerUnavailable("x", cause="READONLY"))
    (family,) = WAITING.collect()
    wait.end()

    assert [sample.labels for sample in family.samples] == [{"server": "broker", "cause": "READONLY"}]
