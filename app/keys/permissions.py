"""Permissions of API keys: the vendor's names, ours, and `*` for all. A list without code, and so a file of its own."""

#: All permissions, including those of later versions.
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
    "duplicates.exclude",
    # Ours: operations of many batches. Undoing a run also needs the permission of its jobs.
    "runs.read",
    "runs.manage",
    # Ours: merges that are previewed, kept, and applied as they were read.
    "plans.write",
    "plans.apply",
    # Ours: the metrics of web, from another machine.
    "metrics.read",
    # Ours: the notices about finished batches.
    "webhooks.read",
    "webhooks.write",
    # Ours: pause, limit and cancel the jobs of the workspace.
    "queue.manage",
    # Ours: the keys of the workspace without their secrets, with permissions and last use.
    "keys.read",
    # Ours: the processes, versions and settings of the installation.
    "system.read",
    # Ours: all actions with snapshots of whole profiles.
    "audit.read",
    # Ours: whole profiles in. Like users.track, it creates and changes profiles.
    "profiles.import",
    # Ours: all stored data of one person, with events, jobs and audit.
    "profiles.report",
    # Ours: merges and other changes of identity, with external_ids.
    "identities.read",
)

#: Each of them lets its holder read the values of profiles wherever a route shows them: in changes, previews and the
#: console. With other permissions a key gets names of fields, identifiers that requests named, outcomes and reasons.
#: The routes of `segments.query`, `duplicates.preview` and `profiles.report` show profiles themselves.
READING = ("users.export.ids", "audit.read")
