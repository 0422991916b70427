"""The ledger: batches and jobs, their states and outcomes, and the queue of pending lanes."""
