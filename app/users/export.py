"""The use case of `/users/export/ids`: profiles by identifier."""

from collections.abc import Iterator
from dataclasses import dataclass

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.merging.profile import Profile
from app.profiles.store import load_profiles
from app.profiles.targets import find_profiles, target_key
from schemas.export import ExportRequest
from schemas.identifiers import Email, ExternalId

QUERIES = load_queries("app.users", "export.sql")

#: Profiles that one address or device adds to an export.
MAX_SHARING = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileExport:
    """The requested profiles, each once, and the external_ids without a profile."""

    profiles: list[Profile]
    unknown_external_ids: list[str]
    #: Names of identifiers in the request that more than MAX_SHARING profiles share.
    truncated: list[str]


def export_profiles(tx: Transaction, *, request: ExportRequest) -> ProfileExport:
    """Return the profiles of *request* in its order; at most MAX_SHARING for one shared address or device."""
    found = find_profiles(tx, targets=request.named)
    keys = [target_key(each) for each in request.named]
    ids = [found[key].id for key in keys if key in found]
    truncated: list[str] = []
    for name, query, key in _shared_identifiers(request):
        sharing = _ids_sharing(tx, query, key=key)
        ids += sharing[:MAX_SHARING]
        truncated += [name] if len(sharing) > MAX_SHARING else []
    profiles = load_profiles(tx, ids=ids)
    external_ids = [each for each in request.named if isinstance(each, ExternalId)]
    unknown = [each.value for each in external_ids if target_key(each) not in found]
    return ProfileExport(
        profiles=[profiles[each] for each in dict.fromkeys(ids) if each in profiles],
        unknown_external_ids=list(dict.fromkeys(unknown)),
        truncated=truncated,
    )


def _shared_identifiers(request: ExportRequest) -> Iterator[tuple[str, str, str]]:
    """Yield the addresses and the device of *request*: the name there, the query that finds their profiles, the key."""
    for address in request.shared:
        if isinstance(address, Email):
            yield "email_address", "profiles_of_email", address.key
        elif address.key is not None:
            yield "phone", "profiles_of_phone", address.key
    if request.device_id is not None:
        yield "device_id", "profiles_of_device", request.device_id


def _ids_sharing(tx: Transaction, query: str, *, key: str) -> list[int]:
    """Return the ids of the profiles that share *key*, at most MAX_SHARING + 1."""
    parameters = {"key": key, "limit": MAX_SHARING + 1}
    return [row["id"] for row in tx.execute(QUERIES[query], parameters)]
