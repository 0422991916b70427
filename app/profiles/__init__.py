"""Profiles at rest: storing, locking and resolving them, and the history under their origins."""
