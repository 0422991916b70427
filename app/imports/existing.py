"""Changes existing profiles by lines, and the consent of all profiles that share their addresses."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.audit.log import log_events
from app.db.transaction import Transaction
from app.errors import ResolutionUnsettled
from app.imports.applying import fill_members, fill_names, replace_members, set_addresses
from app.imports.creation import add_free_aliases
from app.imports.plan import Manner, Plan
from app.imports.resolution import Subject
from app.imports.sharing import Sharing
from app.merging.consent_states import GROUPS, Slot
from app.merging.profile import Profile
from app.profiles.deprecation import take_over_external_ids
from app.profiles.former_names import lost_addresses, record_former_names
from app.profiles.locking import lock_profiles_deferred
from app.profiles.push_tokens import TokenOwners, check_former_holders
from app.profiles.sharing import CONSENT, find_sharers_deferred, load_sharers_deferred, save_consent
from app.profiles.store import save_profiles
from app.users.consent import EMAIL_STATES, SharedConsent, addresses_of
from app.users.draft import Draft
from app.users.shared_addresses import consent_events
from schemas.audit import Action
from schemas.identifiers import UserAlias
from schemas.profile_imports import ImportedProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class _Locked:
    """Drafts of the profiles that lines name, of former holders of push tokens, and of those with their addresses."""

    named: Mapping[Subject, Draft]
    holders: Sequence[Draft]
    sharers: Sequence[Draft]

    @property
    def existing(self) -> Sequence[Draft]:
        """All of them but new profiles, which are as their source has them: they get no states from each other."""
        named = [draft for subject, draft in self.named.items() if not subject.is_new]
        return [*named, *self.holders, *self.sharers]


def change_existing(tx: Transaction, *, plan: Plan, sharing: Sharing, tokens: TokenOwners, manner: Manner) -> list[int]:
    """Apply the lines to existing profiles, and spread consent; return the positions of lines without an effect."""
    subjects = [plan.subject_of(position) for position in plan.lines]
    existing = {subject: subject.existing_id for subject in subjects if subject.existing_id is not None}
    if not existing and not sharing.addresses and not tokens.former_holders:
        return []
    locked = _lock(tx, existing=existing, plan=plan, sharing=sharing, tokens=tokens)
    consent = SharedConsent.of(manner.rules, locked.existing)
    unchanged: list[int] = []
    for position, line in plan.lines.items():
        subject = plan.subject_of(position)
        if subject not in locked.named:
            continue
        draft = locked.named[subject]
        if subject.is_new:
            consent.share_opt_outs(draft)
        elif not _apply(draft, line, consent, manner):
            unchanged.append(position)
    _remove_lost_tokens(locked, tokens)
    _save(tx, locked, now=manner.now)
    log_events(tx, action=Action.CONSENT, actor=manner.asker, events=consent_events(consent.reached))
    return unchanged


def _lock(
    tx: Transaction,
    *,
    existing: Mapping[Subject, int],
    plan: Plan,
    sharing: Sharing,
    tokens: TokenOwners,
) -> _Locked:
    """Lock the profiles that change. Raises ResolutionUnsettled when they have other names or addresses than before."""
    holders = tokens.former_holders - set(existing.values())
    named, others = [*existing.values(), *holders], sharing.others.all_ids
    locked = lock_profiles_deferred(tx, ids=named, also=others) if named else None
    if locked is None and others:
        # The lock takes nothing but ids.
        lock_profiles_deferred(tx, ids=others).result()
    sharers = load_sharers_deferred(tx, ids=others - set(named)).result()
    profiles = {} if locked is None else locked.result()
    own = {*named, *plan.ids.values()}
    again = find_sharers_deferred(tx, addresses=sharing.addresses, besides=own).result()
    if not sharing.others.includes(again):
        raise ResolutionUnsettled("Another profile got an address of the import before it was locked.")
    for profile_id in existing.values():
        if profile_id not in profiles or not _is_as_before(plan.resolution.profiles[profile_id], profiles[profile_id]):
            raise ResolutionUnsettled("A profile changed before it was locked.")
    check_former_holders(tx, tokens)
    drafts = {subject: Draft(profiles[profile_id]) for subject, profile_id in existing.items()}
    new = {
        subject: Draft(dataclasses.replace(profile, id=plan.ids[subject]))
        for subject, profile in plan.new.items()
        if subject in sharing.new
    }
    return _Locked(
        named={**drafts, **new},
        holders=[Draft(profiles[each]) for each in holders if each in profiles],
        sharers=[Draft(each) for each in sharers.values()],
    )


def _is_as_before(before: Profile, after: Profile) -> bool:
    return all(
        getattr(before, name) == getattr(after, name) for name in ("external_id", "user_aliases", "email", "phone")
    )


def _apply(draft: Draft, line: ImportedProfile, consent: SharedConsent, manner: Manner) -> bool:
    """Apply *line* to *draft*; return whether it had an effect."""
    before, former = draft.finish(None), addresses_of(draft)
    fill_names(draft, line)
    set_addresses(draft, line, fill=manner.fills)
    consent.change_addresses(draft, former=former)
    if manner.fills:
        fill_members(draft, line, now=manner.now)
        consent.share_opt_outs(draft)
    else:
        replace_members(draft, line, now=manner.now)
        consent.spread(draft, _slots(line))
    return not manner.fills or draft.finish(None) != before


def _slots(line: ImportedProfile) -> list[Slot]:
    """Return the places of the states of consent that *line* has."""
    fields = [Slot(name) for name in EMAIL_STATES.values() if name in line.columns]
    return [*fields, *(Slot(GROUPS, group) for group in line.columns.get(GROUPS, ()))]


def _remove_lost_tokens(locked: _Locked, tokens: TokenOwners) -> None:
    """Remove the push tokens that another profile has by this import."""
    for draft in (*locked.named.values(), *locked.holders):
        held = draft["push_tokens"]
        kept = {key: value for key, value in held.items() if tokens.owners.get(key, draft["id"]) == draft["id"]}
        if len(kept) < len(held):
            draft["push_tokens"] = kept


def _save(tx: Transaction, locked: _Locked, *, now: datetime) -> None:
    """Write the changed profiles, with their new names, and the consent of the others."""
    changed = [draft for draft in (*locked.named.values(), *locked.holders) if draft.is_changed]
    saved = [draft.finish(max(now, draft["updated_at"])) for draft in changed]
    pairs = list(zip([draft.before for draft in changed], saved, strict=True))
    save_profiles(tx, saved)
    if given := [after.external_id for before, after in pairs if before.external_id != after.external_id]:
        take_over_external_ids(tx, external_ids=[each for each in given if each is not None])
    added = [
        (UserAlias(label=label, name=name), after.id)
        for before, after in pairs
        for label, name in after.user_aliases.items()
        if label not in before.user_aliases
    ]
    add_free_aliases(tx, added)
    record_former_names(tx, names=set().union(*(lost_addresses(before, after) for before, after in pairs)))
    rows = [{name: draft[name] for name in ("id", *CONSENT)} for draft in locked.sharers if draft.is_changed]
    save_consent(tx, rows=rows)
