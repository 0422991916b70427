"""Duplicates: finding profiles that share an address, previewing and merging them by the rule of their workspace."""
