"""The benchmark: what a merge costs, side by side with the obvious design, with another queue and with no queue."""
