"""Duplicates: profiles of a workspace that share an address, found, rehearsed and merged by its rule."""
