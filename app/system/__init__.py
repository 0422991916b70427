"""The running processes of the installation, as their heartbeats in PostgreSQL show them."""
