"""The profiles that share an address with an imported one: consent follows the address."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from app.db.transaction import Transaction
from app.imports.plan import Plan
from app.imports.resolution import Subject
from app.profiles.sharing import Sharers, find_sharers_deferred
from app.users.consent import Address, ConsentRules, addresses_of
from app.users.draft import Draft
from schemas.profile_imports import ImportedProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """The addresses of an import that existing profiles have."""

    addresses: Collection[Address]
    #: The profiles with these addresses that no line names.
    others: Sharers
    #: The new profiles with these addresses.
    new: Collection[Subject]


def find_sharing(tx: Transaction, *, plan: Plan, rules: ConsentRules) -> Sharing:
    """Return who shares the addresses of the lines of *plan*, and the addresses that their existing profiles have."""
    owners: defaultdict[Address, set[Subject]] = defaultdict(set)
    for subject, profile in plan.new.items():
        for address in _addresses(Draft(profile)):
            owners[address].add(subject)
    existing: set[int] = set()
    for position, line in plan.lines.items():
        subject = plan.subject_of(position)
        if subject.existing_id is not None:
            existing.add(subject.existing_id)
            present = _addresses(Draft(plan.resolution.profiles[subject.existing_id]))
            for address in {*present, *_line_addresses(line)}:
                owners[address].add(subject)
    shared = [address for address in owners if rules.is_shared(address)]
    others = find_sharers_deferred(tx, addresses=shared, besides=existing).result()
    joint = [
        address
        for address in shared
        if others.ids.get(address) or any(not subject.is_new for subject in owners[address])
    ]
    sharing = {subject for address in joint for subject in owners[address] if subject.is_new}
    return Sharing(addresses=joint, others=Sharers({each: others.ids[each] for each in joint}), new=sharing)


def _addresses(draft: Draft) -> Iterable[Address]:
    return map(Address._make, addresses_of(draft).items())


def _line_addresses(line: ImportedProfile) -> Iterable[Address]:
    if "email" in line.columns:
        yield Address("email", line.columns["email_key"])
    if line.columns.get("phone_e164"):
        yield Address("phone", line.columns["phone_e164"])
