"""Names that requests share: the same few people for some hundred requests."""

from dataclasses import dataclass
from random import Random
from typing import Any

Json = dict[str, Any]

#: Requests after which the people change: otherwise profiles would grow without bound.
SPELL = 400
PEOPLE = 9
LABELS = ("shop", "visitor", "\N{WHITE SMILING FACE}")
STEPS = (
    ["unidentified"],
    ["identified"],
    ["most_recently_updated"],
    ["identified", "most_recently_updated"],
    ["unidentified", "least_recently_updated"],
)
MAY = "2026-05-01T08:00:00Z"


@dataclass(frozen=True, slots=True)
class Names:
    """The people of one request, chosen with *rng*."""

    rng: Random
    spell: int

    def external_id(self) -> str:
        """Return an external_id."""
        return f"u-{self.spell}-{self.rng.randrange(PEOPLE)}"

    def alias(self) -> Json:
        """Return an alias."""
        return {
            "alias_label": self.rng.choice(LABELS),
            "alias_name": f"n-{self.spell}-{self.rng.randrange(PEOPLE)}",
        }

    def email(self) -> str:
        """Return an address that several may share."""
        return f"e{self.rng.randrange(4)}.{self.spell}@example.com"

    def phone(self) -> str:
        """Return a number that several may share."""
        return f"+1415555{self.rng.randrange(4):04}"

    def device_id(self) -> str:
        """Return the id of a device that several may share."""
        return f"d-{self.spell}-{self.rng.randrange(4)}"

    def identifier(self) -> Json:
        """Return an identifier of any kind that a merge accepts."""
        kinds = (
            {"external_id": self.external_id()},
            {"user_alias": self.alias()},
            {"email": self.email(), "prioritization": list(self.rng.choice(STEPS))},
            {"phone": self.phone(), "prioritization": list(self.rng.choice(STEPS))},
        )
        return self.rng.choice(kinds)

    def who(self) -> Json:
        """Return the identifier of an object of `/users/track`."""
        kinds = ({"external_id": self.external_id()}, {"user_alias": self.alias()}, {"device_id": self.device_id()})
        return self.rng.choice(kinds)
