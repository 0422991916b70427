"""The ledger: what was asked for, by whom, where it is and what became of it."""
