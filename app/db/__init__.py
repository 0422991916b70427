"""Access to PostgreSQL: queries, connections, transactions, client timeouts, roles and migrations."""
