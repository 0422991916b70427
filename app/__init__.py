"""The application: configuration, database, ledger, profiles, merging and the web server."""
