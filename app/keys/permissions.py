"""What a key may be allowed to do: the vendor's permission names, and one for all of them."""

#: Everything, now and in versions to come.
ALL = "*"

#: The vendor's names. Polling needs users.merge or users.identify; reading a profile needs users.export.ids.
PERMISSIONS = (
    "users.track",
    "users.delete",
    "users.alias.new",
    "users.alias.update",
    "users.identify",
    "users.export.ids",
    "users.export.segment",
    "users.export.global_control_group",
    "users.merge",
    "users.external_ids.rename",
    "users.external_ids.remove",
    # Ours: the vendor has no endpoint that answers a filter.
    "segments.query",
    # Ours: the vendor has its dashboard for these.
    "duplicates.preview",
    "duplicates.run",
    # Ours: what operators measure, asked for from another machine.
    "metrics.read",
    # Ours: who is told when batches finish.
    "webhooks.read",
    "webhooks.write",
    # Ours: who did what, with what people were before and after. It shows whole profiles.
    "audit.read",
)
