"""The urgency of jobs: from 0, the most urgent, to 7, as in the header `Priority` (RFC 9218)."""

MOST_URGENT, LEAST_URGENT = 0, 7
#: Of a request without the header.
DEFAULT_PRIORITY = 3
#: Of the merges of duplicate runs.
BACKGROUND_PRIORITY = 6
