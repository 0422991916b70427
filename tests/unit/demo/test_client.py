"""The client's requests for exports."""

from demo.client import EXPORT_LIMIT, export_requests
from demo.duplicates import alias
from demo.people import Profile


def test_profiles_are_exported_by_external_id_or_alias_fifty_at_a_time() -> None:
    identified = [Profile(identifier={"external_id": str(number)}, attributes={}) for number in range(70)]
    unidentified = [Profile(identifier=alias("visitor", "v"), attributes={})]
    bodies = list(export_requests([*identified, *unidentified]))

    assert [len(ids) for body in bodies for ids in body.values()] == [EXPORT_LIMIT, 20, 1]
    assert bodies[-1] == {"user_aliases": [{"alias_label": "visitor", "alias_name": "v"}]}
