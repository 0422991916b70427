"""The chaos room: merges with known sums, a monkey that breaks what it can, and an auditor that reads the tables.

`make chaos MINUTES=10 SEED=1` runs it; `make chaos-plain` runs the same against Celery without the ledger.
"""
