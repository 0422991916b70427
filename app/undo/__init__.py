"""Undo merges: accept, execute and record undos."""
