"""Chaos tests: post merges with known sums, inject faults, and audit the tables afterwards.

`make chaos MINUTES=10 SEED=1` runs it; `make chaos-plain` runs the same against Celery without the ledger.
"""
