"""Every error of the application, as a tree.

MergelaneError
├── Rejected                a request that cannot be accepted; its message is the client's sentence
│   ├── Conflict            409
│   ├── NotFound            404
│   ├── Gone                410, with where the profile went
│   └── Overloaded          429, with when to come again
├── DatabaseUnavailable     PostgreSQL does not answer; a transaction that it was committing may have taken effect
├── ResolutionUnsettled     profiles kept changing under a job; the attempt is given up and made again
└── SetupError              the installation is not fit to run; the message says what to do
"""


class MergelaneError(Exception):
    """Anything that Mergelane itself raises."""


class Rejected(MergelaneError):
    """A request cannot be accepted; the message is a sentence for the client."""

    status = 400


class Conflict(Rejected):
    """A request contradicts the present state."""

    status = 409


class NotFound(Rejected):
    """What was asked for does not exist in the key's workspace."""

    status = 404


class Gone(Rejected):
    """A profile was merged away; *survivor_braze_id* is where it went."""

    status = 410

    def __init__(self, message: str, *, survivor_braze_id: str) -> None:
        """Keep the survivor beside the sentence, for the Link header."""
        super().__init__(message)
        self.survivor_braze_id = survivor_braze_id


class Overloaded(Rejected):
    """Too much of the workspace's waits to be done; *retry_after_s* is when it is worth while to come again."""

    status = 429

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        """Keep the seconds beside the sentence, for the Retry-After header."""
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DatabaseUnavailable(MergelaneError):
    """PostgreSQL does not answer; nothing was changed, unless it went away while it was asked to commit."""


class ResolutionUnsettled(MergelaneError):
    """The profiles of a job kept changing while it was being resolved; the attempt is given up and made again."""


class SetupError(MergelaneError):
    """The installation is not fit to run; the message says what to do about it."""
