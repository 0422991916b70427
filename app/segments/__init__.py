"""Segments: count and page the profiles that match a filter."""
