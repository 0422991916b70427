"""The use cases of `/users/*`, except merges: track, aliases, external_ids, export and deletion."""
