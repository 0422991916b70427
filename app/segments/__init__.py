"""Segments: the profiles that a filter describes, counted and paged."""
