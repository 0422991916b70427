"""Transactions that keep PostgreSQL from removing dead versions, which every search for the next job reads past."""

from app.db.connections import Connection
from app.db.queries import load_queries
from cli.doctor.findings import Finding, fine, notice

QUERIES = load_queries("cli.doctor", "old_transactions.sql")

CHECK = "old transactions"
#: Seconds from which a transaction is reported: after some minutes of full load, merges become slower.
OLD_S = 120


def check_old_transactions(connection: Connection, *, seconds: float = OLD_S) -> Finding:
    """Report transactions that have been open for *seconds* or longer."""
    rows = connection.execute(QUERIES["old_transactions"], {"seconds": seconds}).fetchall()
    if not rows:
        return fine(CHECK, "No old transaction keeps dead versions.")
    holders = ", ".join(f"{row['holder']} ({row['seconds']:,.0f} s)" for row in rows)
    return notice(
        CHECK,
        f"Old transactions keep PostgreSQL from removing dead versions: {holders}. Under load merges become slower the"
        " longer they stay open.",
        "End them, with pg_terminate_backend if need be, and set idle_in_transaction_session_timeout for their users.",
    )
