"""The happenings in the objects of `/users/track`, by their array."""

from collections.abc import Callable
from fractions import Fraction

from fuzz.model.people import Happening, Json


def _event(entry: Json) -> Happening:
    """Return the happening of an event."""
    return Happening(kind="event", what=entry["name"], at=canonical(entry["time"]))


def _purchase(entry: Json) -> Happening:
    """Return the happening of a purchase. Its cents are rounded once, half a cent away from zero."""
    quantity = entry.get("quantity", 1)
    exact = Fraction(str(entry["price"])) * quantity * 100
    cents = int(abs(exact) + Fraction(1, 2)) * (1 if exact > 0 else -1)
    return Happening(
        kind="purchase", what=entry["product_id"], at=canonical(entry["time"]), cents=cents, quantity=quantity
    )


def _session(entry: Json) -> Happening:
    """Return the happening of a session."""
    return Happening(kind="session", what=entry["app_id"], at=canonical(entry["started_at"]))


def _engagement(entry: Json) -> Happening:
    """Return the happening of an engagement."""
    return Happening(kind=entry["kind"], what=entry["id"], at=canonical(entry["time"]), engagement=entry["event"])


#: The arrays of `/users/track` in the order in which they take effect. All but attributes contain happenings.
ARRAYS: dict[str, Callable[[Json], Happening] | None] = {
    "attributes": None,
    "events": _event,
    "purchases": _purchase,
    "sessions": _session,
    "engagements": _engagement,
}


def canonical(sent: str) -> str:
    """Return a time of the model, which is sent with whole seconds in UTC, in the format of exports."""
    return sent.replace("Z", ".000Z")
