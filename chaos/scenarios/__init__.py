"""Scenarios: the infrastructure on which users run Mergelane, and the faults of each. See docs/reliability.md."""
