"""The health checks of web and Flower, as the containers run them."""

from collections.abc import Callable

from tests.support.health import check_health
from tests.support.system import System
from tests.support.waiting import wait_until

#: Maximum processor time of a check.
MOST_MS = 50


def test_web_and_flower_are_healthy_until_they_are_frozen(
    start_system: Callable[..., System],
) -> None:
    system = start_system(workers=0, relay=False, flower=True)
    checks = {
        system.web: ("http", str(system.port), "/health/ready"),
        system.flower: ("http", str(system.flower_port), "/healthcheck"),
    }
    assert not check_health("http", str(system.port), "/nothing").healthy
    for process, check in checks.items():
        wait_until(lambda check=check: check_health(*check).healthy, what=f"{process.name} to be healthy")
        costs = sorted(check_health(*check).processor_ms for _ in range(5))
        process.freeze()
        frozen = check_health(*check)
        process.thaw()

        assert not frozen.healthy
        assert "no answer" in frozen.said
        assert costs[2] < MOST_MS
        wait_until(lambda check=check: check_health(*check).healthy, what=f"{process.name} to be healthy again")
