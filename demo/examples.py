"""The vendor's four example requests, with their profiles and expected outcomes."""

from dataclasses import dataclass
from pathlib import Path

import orjson

from demo.duplicates import alias
from demo.people import Json, Profile

REQUESTS = Path(__file__).with_name("requests")


@dataclass(frozen=True, kw_only=True)
class Example:
    """One example. Its body is the file requests/NAME.json; its profiles are created in order, one call each."""

    name: str
    title: str
    profiles: tuple[Profile, ...]
    expected: tuple[str, ...]

    @property
    def body(self) -> Json:
        """The request's body from the vendor's page, with its doubled braces fixed."""
        body: Json = orjson.loads((REQUESTS / f"{self.name}.json").read_bytes())
        return body


def customer(external_id: str, **attributes: object) -> Profile:
    """Return an identified profile."""
    return Profile(identifier={"external_id": external_id}, attributes=attributes)


def visitor(name: str, label: str = "visitor", **attributes: object) -> Profile:
    """Return an unidentified profile with an alias."""
    return Profile(identifier=alias(label, name), attributes=attributes)


EXAMPLES = (
    Example(
        name="basic",
        title="Basic request: external_id, email and alias",
        profiles=(
            customer("old-user1", first_name="Ada", home_city="Leeds", plan="gold"),
            customer("current-user1", first_name="Adah"),
            customer("user1", email="user1@example.com", last_name="Byron"),
            visitor("user1-guest", email="user1@example.com", first_name="Ada", country="GB"),
            visitor("old-user2@example.com", "email", first_name="Grace", plan="silver"),
            visitor("current-user2@example.com", "email", last_name="Hopper"),
        ),
        expected=("merged", "merged", "merged"),
    ),
    Example(
        name="unidentified",
        title="The newest unidentified profile with an email, into an external_id",
        profiles=(
            customer("john", last_name="Smith"),
            visitor("john-tablet", email="john.smith@example.com", first_name="Jon"),
            visitor("john-phone", email="john.smith@example.com", first_name="John"),
        ),
        expected=("merged",),
    ),
    Example(
        name="unidentified_to_identified",
        title="The newest unidentified into the newest identified profile with an email",
        profiles=(
            customer("jane-old", email="jane.smith@example.com"),
            customer("jane-new", email="jane.smith@example.com"),
            visitor("jane-tablet", email="jane.smith@example.com", first_name="Jayne"),
            visitor("jane-phone", email="jane.smith@example.com", first_name="Jane"),
        ),
        expected=("merged",),
    ),
    Example(
        name="without_recency",
        title="Two unidentified profiles, and nothing says which: not merged",
        profiles=(
            visitor("j-tablet", email="j.smith@example.com"),
            visitor("j-phone", email="j.smith@example.com"),
        ),
        expected=("orphan_ambiguous",),
    ),
)
