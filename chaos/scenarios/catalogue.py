"""All scenarios by name."""

from collections.abc import Mapping

from chaos.scenarios.backup import run_backup
from chaos.scenarios.citus import CITUS
from chaos.scenarios.clock import CLOCK
from chaos.scenarios.full_disk import FULL_DISK
from chaos.scenarios.haproxy import HAPROXY
from chaos.scenarios.pgbouncer import PGBOUNCER
from chaos.scenarios.rabbitmq import RABBITMQ
from chaos.scenarios.scenario import Scenario
from chaos.scenarios.sentinel import SENTINEL
from chaos.scenarios.standby import STANDBY

BACKUP = Scenario(name="backup", prose="A backup restored beside a broker with newer messages", run=run_backup)
SCENARIOS: Mapping[str, Scenario] = {
    each.name: each for each in (STANDBY, HAPROXY, PGBOUNCER, SENTINEL, RABBITMQ, FULL_DISK, CLOCK, BACKUP, CITUS)
}
