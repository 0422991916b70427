"""Every error of the application, as a tree.

MergelaneError
├── Rejected                a request that cannot be accepted; its message is sent to the client
│   ├── Conflict            409
│   ├── NotFound            404
│   ├── Gone                410, with the survivor of the profile
│   └── Overloaded          429, with Retry-After
├── DatabaseUnavailable     PostgreSQL is away or refuses work; a transaction in its COMMIT may have taken effect
│   └── DatabaseRefuses     PostgreSQL answers and refuses work: read-only, full, a privilege revoked
├── BrokerUnavailable       the broker is away or refuses messages; some may have arrived
├── ResolutionUnsettled     profiles kept changing while a job was resolved; the attempt is repeated
└── SetupError              the installation cannot run; the message says how to correct it
"""


class MergelaneError(Exception):
    """Base of all errors that Mergelane raises."""


class Rejected(MergelaneError):
    """A request cannot be accepted; the message is a sentence for the client."""

    status = 400


class Conflict(Rejected):
    """The request conflicts with the current state."""

    status = 409


class NotFound(Rejected):
    """The resource does not exist in the workspace of the key."""

    status = 404


class Gone(Rejected):
    """A profile was merged away, into *survivor_braze_id*."""

    status = 410

    def __init__(self, message: str, *, survivor_braze_id: str) -> None:
        super().__init__(message)
        self.survivor_braze_id = survivor_braze_id


class Overloaded(Rejected):
    """A limit is reached; *retry_after_s* is the value of Retry-After in seconds."""

    status = 429

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DatabaseUnavailable(MergelaneError):
    """PostgreSQL is away or refuses work; nothing was changed, unless the connection was lost during COMMIT."""


class DatabaseRefuses(DatabaseUnavailable):
    """PostgreSQL answers and refuses work; the message says why. Nothing was changed."""


class BrokerUnavailable(MergelaneError):
    """The broker is away or refuses messages. Some may have arrived, and are published again."""


class ResolutionUnsettled(MergelaneError):
    """The profiles of a job kept changing while it was resolved; the attempt is repeated."""


class SetupError(MergelaneError):
    """The installation cannot run; the message says how to correct it."""
