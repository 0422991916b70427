"""What `mergelane up` tells when everything runs: where things are, and a first command to try."""

from shlex import quote

from cli.up.home import Home
from cli.up.programs import Options

KEY = "$MERGELANE_DEV_API_KEY"


def announcement(options: Options, home: Home, *, postgres: bool, redis: bool, key: bool) -> str:
    """Return the announcement; *postgres* and *redis* tell which servers are our own, *key* if there is a dev key."""
    host = f"[{options.host}]" if ":" in options.host else options.host
    base = f"http://{host}:{options.port}"
    rows = {
        "API": base,
        "Console": f"{base}/console  (sign in with an API key)",
        "Poll a batch": f"{base}/merge/batches/BATCH_ID",
        "Flower": f"http://127.0.0.1:{options.flower_port}  (read-only)",
        "Workers": str(options.workers),
        "Database": f"PostgreSQL 18 in {home.postgres}" if postgres else "the one in DATABASE_URL",
        "Broker": "a Redis of its own" if redis else "the one in BROKER_URL",
        "Logs": str(home.logs),
    }
    if ports := options.metrics_ports:
        rows["Metrics"] = f"{base}/metrics, and the relay's and the workers' at ports {ports[0]} to {ports[-1]}"
    table = "\n".join(f"  {name:<13} {value}" for name, value in rows.items())
    return f"Mergelane is up. Ctrl-C stops it.\n\n{table}\n\n{_trial(base, home, key=key)}"


def _trial(base: str, home: Home, *, key: bool) -> str:
    """Return a command that asks for a merge, and before it how to come by a key when there is none yet."""
    pair = '{"identifier_to_merge": {"external_id": "guest-1"}, "identifier_to_keep": {"external_id": "ada"}}'
    lines = ["Try it:"]
    if not key:
        home_option = f"--home {quote(str(home.path))}"
        make = f"mergelane keys create {home_option} --workspace default --label 'my first key' --permission '*'"
        lines += [f"  {make}", "  export MERGELANE_DEV_API_KEY=…   # what it printed"]
    lines += [
        f"  curl {base}/users/merge -H \"Authorization: Bearer {KEY}\" -H 'Content-Type: application/json' \\",
        f"    -d '{{\"merge_updates\": [{pair}]}}'",
    ]
    return "\n".join(lines)
