"""Profiles at rest: rows, locks, resolution of identifiers, history and snapshots."""
