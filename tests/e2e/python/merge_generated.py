"""Merge a pair with the generated client `mergelane_client`, and print the batch.

python merge_generated.py BASE_URL KEY ORPHAN SURVIVOR
"""

import json
import pkgutil
import sys
from importlib import import_module

PACKAGE = "mergelane_client"


def main() -> None:
    """Import every generated module, merge the pair, and wait for the result."""
    for module in pkgutil.walk_packages(import_module(PACKAGE).__path__, f"{PACKAGE}."):
        import_module(module.name)
    models = import_module(f"{PACKAGE}.models")
    merge = import_module(f"{PACKAGE}.api.users.post_users_merge")
    read_batch = import_module(f"{PACKAGE}.api.merges.get_merge_batches_batch_id")

    base_url, key, orphan, survivor = sys.argv[1:]
    client = import_module(f"{PACKAGE}.client").AuthenticatedClient(base_url=base_url, token=key)
    pair = models.MergeUpdate(
        identifier_to_merge=models.ExternalIdIdentifier(external_id=orphan),
        identifier_to_keep=models.ExternalIdIdentifier(external_id=survivor),
    )
    accepted = merge.sync(client=client, body=models.MergeRequest(merge_updates=[pair]), prefer="wait=20")
    if not isinstance(accepted, models.MergeAccepted):
        sys.exit(f"The merge was not accepted: {accepted}")
    batch = read_batch.sync(accepted.batch_id, client=client)
    sys.stdout.write(json.dumps(batch.to_dict()))


if __name__ == "__main__":
    main()
