"""The application: configuration, database, ledger, profiles, the merge, and the web front door."""
