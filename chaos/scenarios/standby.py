"""PostgreSQL with a synchronous standby that is promoted under load; DATABASE_URL names both servers, or HAProxy."""

import signal
from collections.abc import Mapping
from pathlib import Path
from random import Random
from threading import Event
from typing import cast

from chaos.faults import make_fault, pause
from chaos.installation import Installation
from chaos.keeper import thaw
from chaos.scenarios.replication import ReplicatedPostgres
from chaos.scenarios.scenario import Scenario

URL = "postgresql://postgres@127.0.0.1:{},127.0.0.1:{}/mergelane?target_session_attrs=read-write&sslmode=disable&gssencmode=disable"


class ReplicatedInstallation(Installation):
    """An installation on a primary and its standby. The product knows both and uses the one that accepts writes."""

    def __init__(self, folder: Path, *, settings: Mapping[str, str]) -> None:
        super().__init__(folder, settings=settings)
        self.database = ReplicatedPostgres(folder, self.keeper, self.log_of)

    @property
    def database_url(self) -> str:
        """The URL of the primary, without a proxy."""
        return self.database.primary_url

    @property
    def proxied_database_url(self) -> str:
        """The URL of both servers."""
        first, second = self.database.proxies
        return URL.format(first.port, second.port)

    def start_database(self) -> None:
        """Start both servers."""
        self.database.start()

    def stop(self) -> None:
        """Stop everything."""
        super().stop()
        self.database.stop()


def lose_primary(installation: Installation, rng: Random, over: Event) -> None:
    """Kill the primary, promote the standby, and let the old primary come back as a read-only standby."""
    database = cast("ReplicatedInstallation", installation).database
    database.kept[database.primary].hold_down(signal.SIGKILL)
    pause(rng, over, 0.2, 2)
    database.promote()
    pause(rng, over, 1, 3)
    database.rejoin()


def silence_primary(installation: Installation, rng: Random, over: Event) -> None:
    """Freeze the primary with all connections open, promote the standby, and let the old primary come back."""
    database = cast("ReplicatedInstallation", installation).database
    frozen = database.kept[database.primary].freeze()
    database.proxies[database.primary].stall(stalled=True)
    pause(rng, over, 1, 3)
    database.promote()
    pause(rng, over, 2, 4)
    thaw(frozen)
    database.proxies[database.standby].stall(stalled=False)
    database.rejoin()


def switch_over(installation: Installation, _: Random, __: Event) -> None:
    """Shut the primary down, promote the standby, and let the old primary come back as a read-only standby."""
    database = cast("ReplicatedInstallation", installation).database
    database.kept[database.primary].hold_down(signal.SIGINT)
    database.promote()
    database.rejoin()


def lose_standby(installation: Installation, rng: Random, over: Event) -> None:
    """Kill the standby: commits of the primary wait until it is back."""
    database = cast("ReplicatedInstallation", installation).database
    database.kept[database.standby].hold_down(signal.SIGKILL)
    pause(rng, over, 2, 5)
    database.kept[database.standby].let_up()
    database.require_standby()


FAULTS = [make_fault(harm) for harm in (lose_primary, silence_primary, switch_over, lose_standby)]

STANDBY = Scenario(
    name="standby",
    prose="PostgreSQL with a synchronous standby; DATABASE_URL names both",
    build=ReplicatedInstallation,
    faults=FAULTS,
)
