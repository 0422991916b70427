"""Every error of the application, as a tree.

MergelaneError
├── Rejected                a request that cannot be accepted; its message is sent to the client
│   ├── Conflict            409
│   │   └── KeyInUse            the first request with the Idempotency-Key is still running
│   ├── KeyReused           422, an Idempotency-Key with another request
│   ├── NotFound            404
│   ├── Gone                410, with the survivor of the profile
│   ├── LostCursor          410, of a feed
│   └── Overloaded          429, with Retry-After
├── ServerUnavailable       PostgreSQL or the broker is away or refuses work: wait; `cause` says why in a word
│   ├── DatabaseUnavailable     PostgreSQL; a transaction in its COMMIT may have taken effect
│   │   ├── DatabaseRefuses     it answers and refuses work: read-only, full, a privilege revoked
│   │   └── WorkspaceClosed     the workspace is being moved to another cell, or has moved
│   └── BrokerUnavailable       the broker; some messages may have arrived
├── ResolutionUnsettled     profiles kept changing while a job was resolved; the attempt is repeated
├── UnknownRulesError       a newer version made the merge; its code can compute the changes
└── SetupError              the installation cannot run; the message says how to correct it
"""

from typing import ClassVar

#: The cause of a server that does not answer.
NO_ANSWER = "no_answer"
#: The cause of a PostgreSQL that answers and refuses connections.
CONNECTION_REFUSED = "connection_refused"


class MergelaneError(Exception):
    """Base of all errors that Mergelane raises."""


class Rejected(MergelaneError):
    """A request cannot be accepted; the message is a sentence for the client."""

    status = 400


class Conflict(Rejected):
    """The request conflicts with the current state."""

    status = 409


class KeyInUse(Conflict):
    """The first request with this Idempotency-Key is still running."""


class KeyReused(Rejected):
    """The Idempotency-Key was used with another request."""

    status = 422


class NotFound(Rejected):
    """The resource does not exist in the workspace of the key."""

    status = 404


class Gone(Rejected):
    """A profile was merged away, into *survivor_braze_id*."""

    status = 410

    def __init__(self, message: str, *, survivor_braze_id: str) -> None:
        super().__init__(message)
        self.survivor_braze_id = survivor_braze_id


class LostCursor(Rejected):
    """A place in a feed that the feed does not have: it is too old, or from before a restore."""

    status = 410


class Overloaded(Rejected):
    """A limit is reached; *retry_after_s* is the value of Retry-After in seconds."""

    status = 429

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ServerUnavailable(MergelaneError):
    """A server is away or refuses work. *cause* is a label without values: NO_ANSWER, a SQLSTATE, a broker's prefix."""

    #: The server's name as a label of metrics.
    server: ClassVar[str]

    def __init__(self, message: str, *, cause: str = NO_ANSWER) -> None:
        super().__init__(message)
        self.cause = cause


class DatabaseUnavailable(ServerUnavailable):
    """PostgreSQL is away or refuses work; nothing was changed, unless the connection was lost during COMMIT."""

    server = "postgresql"


class DatabaseRefuses(DatabaseUnavailable):
    """PostgreSQL answers and refuses work; the message says why. Nothing was changed."""

    def __init__(self, message: str, *, cause: str = NO_ANSWER, attempts: dict[str, int] | None = None) -> None:
        super().__init__(message, cause=cause)
        #: The attempts of a lane, by job id, that the server also refused to uncount.
        self.attempts = attempts or {}


class WorkspaceClosed(DatabaseUnavailable):
    """The workspace is being moved to another cell, or has moved. Nothing was changed."""


class BrokerUnavailable(ServerUnavailable):
    """The broker is away or refuses messages. Some may have arrived, and are published again."""

    server = "broker"


class ResolutionUnsettled(MergelaneError):
    """The profiles of a job kept changing while it was resolved; the attempt is repeated."""


class UnknownRulesError(MergelaneError):
    """A merge was made by a version of the rules that this code does not have."""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"Version {version} of the merge rules made this merge, and this version of Mergelane does not have it."
            " Upgrade web and the workers to the newest version that runs here."
        )


class SetupError(MergelaneError):
    """The installation cannot run; the message says how to correct it."""
