"""Undo of merges: accepting, reversing and recording them."""
