"""The refusals of the matrix: every class of SQLSTATE, and every first word of Redis's error replies."""

from dataclasses import dataclass

from app.metrics.servers import BROKER, SQLSTATES, known_cause
from workers.broker_errors import NO_PREFIX

#: One SQLSTATE of each class in PostgreSQL's manual (appendix A), and more where the class is common.
# fmt: off
STATES = (
    "01000", "02000", "03000", "08006", "09000", "0A000", "0B000", "0F001", "0L000", "0P000", "0Z000", "10608",
    "20000", "21000", "22003", "22P05", "23502", "23505", "24000", "25001", "25006", "25P03", "26000", "27000",
    "28000", "2B000", "2D000", "2F000", "34000", "38000", "39000", "3B000", "3D000", "3F000", "40001", "40P01",
    "40003", "42501", "42601", "42P01", "42703", "44000", "53000", "53100", "53200", "53300", "54000", "55000",
    "55P03", "57000", "57014", "57P01", "57P02", "57P03", "57P05", "58000", "58030", "72000", "F0000", "HV000",
    "P0000", "P0001", "XX000", "XX002", "ZZ999",
)
# fmt: on
#: SQLSTATEs of refused connections.
CONNECT_STATES = ("08004", "0A000", "28000", "28P01", "3D000", "42501", "53300", "55000", "57P01", "57P03", "XX000")
#: Error replies of Redis, and whether the server still executes commands that only read.
REPLIES = (
    ("OOM command not allowed when used memory > 'maxmemory'.", True),
    ("READONLY You can't write against a read only replica.", True),
    ("NOREPLICAS Not enough good replicas to write.", True),
    ("MISCONF Redis is configured to save RDB snapshots, but it is unable to persist to disk.", True),
    ("NOPERM this user has no permissions to run the 'brpop' command", True),
    ("NOAUTH Authentication required.", False),
    ("WRONGPASS invalid username-password pair or user is disabled.", False),
    ("UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)", False),
    ("LOADING Redis is loading the dataset in memory", False),
    ("CLUSTERDOWN Hash slot not served", False),
    ("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", False),
    ("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", False),
    ("EXECABORT Transaction discarded because of previous errors.", False),
    ("TRYAGAIN Multiple keys request during rehashing of slot", False),
    ("MOVED 3999 127.0.0.1:6381", False),
    ("ASK 3999 127.0.0.1:6381", False),
    ("NOSCRIPT No matching script. Please use EVAL.", False),
    ("WRONGTYPE Operation against a key holding the wrong kind of value", False),
    ("ERR max number of clients reached", False),
    ("ERR unknown command", False),
    ("XYZZY no one foresaw this", False),
    ("nothing in capitals", False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerRefusal:
    """An error reply of the broker."""

    line: str
    writes_alone: bool

    @property
    def name(self) -> str:
        """Its name in the report."""
        return f"broker: {self.line.partition(' ')[0]} ({'writes' if self.writes_alone else 'all commands'})"

    @property
    def cause(self) -> str:
        """The label `cause` of the metric with which a process reports it."""
        word = self.line.partition(" ")[0]
        return known_cause(BROKER, word if word.isupper() else NO_PREFIX)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseRefusal:
    """A SQLSTATE of every statement, or of every new connection."""

    sqlstate: str
    at_connect: bool

    @property
    def name(self) -> str:
        """Its name in the report."""
        return f"PostgreSQL: {self.sqlstate} ({'connect' if self.at_connect else 'statements'})"

    @property
    def is_known(self) -> bool:
        """Whether psycopg has a class for it."""
        return self.sqlstate in SQLSTATES


BROKER_REFUSALS = [BrokerRefusal(line=line, writes_alone=writes_alone) for line, writes_alone in REPLIES]
#: Every reply in both ways.
ALL_BROKER_REFUSALS = [BrokerRefusal(line=line, writes_alone=alone) for line, _ in REPLIES for alone in (True, False)]
STATEMENT_REFUSALS = [DatabaseRefusal(sqlstate=state, at_connect=False) for state in STATES]
CONNECT_REFUSALS = [DatabaseRefusal(sqlstate=state, at_connect=True) for state in CONNECT_STATES]
