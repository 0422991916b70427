"""People of the model: all attributes and all activity that requests contained, as they were sent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fuzz.model import consent as consents

Json = dict[str, Any]

#: Phone numbers of the model, with their E.164 form, or None if there is none.
E164: dict[str, str | None] = {
    "+14155550100": "+14155550100",
    "+1 (415) 555-0100": "+14155550100",
    "+14155550101": "+14155550101",
    "+14155550101 ext. 1": None,
    "0123": None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One activity of a person, at a time in canonical text."""

    kind: str
    #: Name of the event, product_id, app_id, or id of the campaign or canvas.
    what: str
    at: str
    #: Total cost and quantity of a purchase; event of an engagement.
    cents: int = 0
    quantity: int = 1
    engagement: str = ""


@dataclass(eq=False, kw_only=True)
class Person:
    """A profile. It is live until it is merged into another or deleted."""

    #: The order in which profiles were created.
    serial: int
    #: Step of the last update; profiles of one request have the same step.
    touched: int
    external_id: str | None = None
    #: label → name.
    aliases: dict[str, str] = field(default_factory=dict)
    #: By ("alias", label), ("email",) and ("phone",): the orphan that had the identifier before a merge.
    origins: "dict[tuple[str, ...], Person]" = field(default_factory=dict)
    #: Standard attributes by their names in requests.
    facts: Json = field(default_factory=dict)
    email_encrypted: bool = False
    #: The consent of its addresses.
    consent: consents.Words = field(default_factory=dict)
    #: The current push state, and all states that it ever had.
    push: tuple[str, frozenset[str]] | None = None
    custom: Json = field(default_factory=dict)
    devices: dict[str, Json] = field(default_factory=dict)
    tokens: dict[tuple[str, str], Json] = field(default_factory=dict)
    test_user: bool = False
    control_group: bool = False
    marked_at: str | None = None
    did: list[Happening] = field(default_factory=list)
    absorbed: int = 0
    merged_into: "Person | None" = None
    #: Its braze_id, once an export contained it, and its members that must never change.
    braze_id: str | None = None
    seen: Json = field(default_factory=dict)

    @property
    def identified(self) -> bool:
        """Whether it has an external_id."""
        return self.external_id is not None

    @property
    def email(self) -> str | None:
        """The normalized address."""
        sent: str | None = self.facts.get("email")
        return None if sent is None else email_key(sent)

    @property
    def phone(self) -> str | None:
        """The number in E.164 form, or None if it has no such form and identifies no profile."""
        sent: str | None = self.facts.get("phone")
        return None if sent is None else E164[sent]

    @property
    def addresses(self) -> dict[str, str]:
        """The addresses that others may share, by their kind."""
        keys = {"email": self.email, "phone": self.phone}
        return {kind: key for kind, key in keys.items() if key is not None}

    @property
    def has_invalid_phone(self) -> bool:
        """Whether it has a number that has no E.164 form."""
        return "phone" in self.facts and E164[self.facts["phone"]] is None

    @property
    def protected(self) -> bool:
        """Whether it is protected from merges."""
        return self.control_group or self.marked_at is not None

    def live(self) -> "Person":
        """Return the profile that it is now part of: itself, or its last survivor."""
        person = self
        while person.merged_into is not None:
            person = person.merged_into
        return person

    def drop_aliases(self, is_taken: Callable[[Json], bool]) -> list[str]:
        """Remove the aliases that another profile has; return their labels."""
        named = {label: {"alias_label": label, "alias_name": name} for label, name in self.aliases.items()}
        taken = [label for label, alias in named.items() if is_taken(alias)]
        for label in taken:
            del self.aliases[label]
            self.origins.pop(("alias", label), None)
        return taken


def email_key(sent: str) -> str:
    """Return the normalized form of an email address."""
    return sent.strip().lower()


def origin_key(identifier: Json) -> tuple[str, ...]:
    """Return the key of *identifier* in a person's origins, which have no external_ids."""
    if "user_alias" in identifier:
        return ("alias", identifier["user_alias"]["alias_label"])
    return ("email",) if "email" in identifier else ("phone",) if "phone" in identifier else ()


def describe(person: Person, attributes: Json, step: int, *, others: Sequence[Person]) -> None:
    """Apply *attributes*, an object of `/users/track`, to *person*; null removes a value.

    An address that identifies the person is no attribute. Consent also applies to *others*, all other people, and they
    lose the push tokens in *attributes*.
    """
    identifying = set() if attributes.keys() & {"external_id", "user_alias"} else {"email", "phone"}
    former = person.addresses
    # An address is set before its attributes, in any order of the keys.
    for name in sorted(attributes.keys() - identifying, key=lambda name: name == "email_encrypted"):
        _say(person, name, attributes[name])
    consents.move(person, former, others)
    consents.say(person, attributes, others, step)
    person.touched = step
    for other in others:
        for token in reported_tokens(attributes):
            other.tokens.pop(token, None)


def reported_tokens(attributes: Json) -> list[tuple[str, str]]:
    """Return app and token of each push token in *attributes*."""
    return [(each["app_id"], each["token"]) for each in attributes.get("push_tokens") or ()]


def _say(person: Person, name: str, value: Any) -> None:
    """Apply one attribute."""
    if name in SAYINGS:
        SAYINGS[name](person, value)
    elif name in STANDARD:
        _set(person.facts, name, value)
    elif name not in INSTRUCTIONS and name not in consents.HANDLED:
        _say_own(person.custom, name, value)


#: Attributes that are stored as they are sent.
STANDARD = frozenset(
    {
        "first_name",
        "last_name",
        "gender",
        "dob",
        "home_city",
        "country",
        "language",
        "time_zone",
        "current_location",
    }
)
#: Keys for the identifier of an object and for options.
INSTRUCTIONS = frozenset({"external_id", "user_alias", "device_id", "_update_existing_only"})


def _set(among: Json, name: str, value: Any) -> None:
    """Set *name*, or remove it if *value* is null."""
    if value is None:
        among.pop(name, None)
    else:
        among[name] = value


def _say_email(person: Person, value: str | None) -> None:
    """Set the address. A new address is not encrypted until a request sets this."""
    before = person.email
    person.origins.pop(("email",), None)
    _set(person.facts, "email", value and value.strip())
    if person.email != before:
        person.email_encrypted = False


def _say_phone(person: Person, value: str | None) -> None:
    """Set the number, which then no longer has an origin."""
    person.origins.pop(("phone",), None)
    _set(person.facts, "phone", value)


def _say_push(person: Person, state: str | None) -> None:
    """Set the push state; null resets it to the default, and removes all former states."""
    _, begun = person.push or ("", frozenset())
    person.push = None if state is None else (state, begun | {state})


def _say_own(custom: Json, name: str, value: Any) -> None:
    """Set a custom attribute, or apply an operation to it. An operation that does not fit has no effect."""
    present = custom.get(name)
    if isinstance(value, dict) and value.keys() == {"inc"}:
        if present is None or (isinstance(present, int | float) and not isinstance(present, bool)):
            custom[name] = (present or 0) + value["inc"]
    elif isinstance(value, dict) and value.keys() and value.keys() <= {"add", "remove"}:
        if present is None or isinstance(present, list):
            added = value.get("add", [])
            elements = [each for each in present or [] if each not in added] + added
            left = [each for each in elements if each not in value.get("remove", [])]
            if left or present is not None:
                custom[name] = left
    else:
        _set(custom, name, value)


def _say_encrypted(person: Person, value: Any) -> None:
    """Set whether the address is encrypted. Without an address this has no effect."""
    person.email_encrypted = bool(value) and "email" in person.facts


def _say_devices(person: Person, devices: list[Json]) -> None:
    """Add devices, or new members of known devices."""
    for each in devices:
        person.devices[each["device_id"]] = person.devices.get(each["device_id"], {}) | each


def _say_tokens(person: Person, tokens: list[Json]) -> None:
    """Add push tokens by app and token."""
    person.tokens.update({(each["app_id"], each["token"]): each for each in tokens})


def _flag(name: str) -> Callable[[Person, Any], None]:
    """Return a function that sets the field *name* to true or false."""
    return lambda person, value: setattr(person, name, bool(value))


#: Attributes that are not only stored → the function that applies them.
SAYINGS: dict[str, Callable[[Person, Any], None]] = {
    "email": _say_email,
    "email_encrypted": _say_encrypted,
    "phone": _say_phone,
    "push_subscribe": _say_push,
    "devices": _say_devices,
    "push_tokens": _say_tokens,
    "test_user": _flag("test_user"),
    "control_group": _flag("control_group"),
    "marked_for_deletion_at": lambda person, moment: setattr(person, "marked_at", moment),
}


def absorb(survivor: Person, orphan: Person, *, step: int) -> None:
    """Merge the fields of the vendor's lists of merged fields from *orphan* into *survivor*."""
    survivor.consent = consents.combined(survivor=survivor, orphan=orphan)
    facts = dict(orphan.facts)
    if orphan.email_encrypted:
        facts.pop("email", None)
    taken: list[tuple[str, ...]] = [("alias", label) for label in orphan.aliases if label not in survivor.aliases]
    taken += [(kind,) for kind in ("email", "phone") if kind in facts and kind not in survivor.facts]
    survivor.origins |= {each: orphan.origins.get(each, orphan) for each in taken}
    survivor.facts = {**facts, **survivor.facts}
    survivor.push = survivor.push or orphan.push
    survivor.custom = {**orphan.custom, **survivor.custom}
    survivor.tokens = {**orphan.tokens, **survivor.tokens}
    survivor.aliases = {**orphan.aliases, **survivor.aliases}
    survivor.devices = {**orphan.devices, **survivor.devices}
    survivor.test_user = survivor.test_user or orphan.test_user
    survivor.did = [*survivor.did, *orphan.did]
    survivor.external_id = survivor.external_id or orphan.external_id
    survivor.touched = step
    survivor.absorbed += 1
    orphan.merged_into = survivor


def canonical(sent: str) -> str:
    """Return a time of the model, which is sent with whole seconds in UTC, as exports show it."""
    return sent.replace("Z", ".000Z")
