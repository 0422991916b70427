"""The words of the console for rules, reasons and results of duplicates."""

from collections.abc import Mapping

from schemas.keeping import KeepRule, Left, Prefer, RunState, SharedAddress, TiesBy, Undecided
from schemas.outcomes import Outcome

ADDRESSES: Mapping[SharedAddress, tuple[str, str]] = {
    SharedAddress.EMAIL: ("Email address", "Profiles with the same email address are duplicates."),
    SharedAddress.PHONE: ("Phone number", "Profiles with the same phone number in E.164 form are duplicates."),
}
TIES: Mapping[TiesBy, tuple[str, str]] = {
    TiesBy.UPDATED: ("Last update", "Compare when the profiles were updated for the last time."),
    TiesBy.CREATED: ("Creation", "Compare when the profiles were created."),
    TiesBy.LAST_SESSION: ("Last session", "Compare the last sessions; a profile without one comes last."),
}
PREFERENCES: Mapping[Prefer, tuple[str, str]] = {
    Prefer.NEWEST: ("The newest", "Keep the profile with the latest time."),
    Prefer.OLDEST: ("The oldest", "Keep the profile with the earliest time."),
}
REASONS: Mapping[Undecided, tuple[str, str]] = {
    Undecided.TIE: (
        "Tie",
        "The rule prefers several profiles equally. Choose another time for ties, or merge the pairs by hand.",
    ),
    Undecided.REFUSED: (
        "Placeholder",
        "The address is a placeholder that strangers share, or no valid address, so that nothing is merged by it.",
    ),
    Undecided.PROTECTED: (
        "Protected",
        "The profile to keep is in the control group or marked for deletion, so that nothing is merged into it.",
    ),
}
TONES: Mapping[RunState, str] = {
    RunState.RUNNING: "busy",
    RunState.FINISHED: "good",
    RunState.CANCELLED: "none",
    RunState.FAILED: "bad",
}
NOT_A_MATCH = "Recorded as not a match"


def describe_rule(rule: KeepRule) -> str:
    """Return *rule* in one sentence."""
    address = ADDRESSES[rule.identifier][0].lower()
    end, time = rule.prefer.value, TIES[rule.resolve_ties_by][0].lower()
    return f"Same {address}: keep the profile with an external_id, and of several the one with the {end} {time}."


def describe_left(left: Outcome | Left) -> str:
    """Return why a profile stays as it is."""
    return NOT_A_MATCH if left is Left.EXCLUDED else left.value.replace("_", " ").capitalize()


def describe_reason(name: str) -> str:
    """Return the name of a reason in counts: of an undecided group, or of a profile that stays."""
    if name in set(Undecided):
        return REASONS[Undecided(name)][0]
    return describe_left(Left(name) if name in set(Left) else Outcome(name))
