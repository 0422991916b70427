"""The text that `mergelane up` prints when everything runs: all addresses, and a first request to try."""

from shlex import quote

from cli.up.data_dir import DataDir
from cli.up.programs import UpOptions

KEY = "$MERGELANE_DEV_API_KEY"


def format_announcement(options: UpOptions, data_dir: DataDir, *, postgres: bool, redis: bool, key: bool) -> str:
    """Return the text. *postgres*, *redis*: the embedded server runs. *key*: MERGELANE_DEV_API_KEY is set."""
    host = f"[{options.host}]" if ":" in options.host else options.host
    base = f"http://{host}:{options.port}"
    rows = {
        "API": base,
        "API docs": f"{base}/docs  (OpenAPI document: {base}/openapi.json)",
        "Console": f"{base}/console  (sign in with an API key)",
        "Batch": f"{base}/merge/batches/BATCH_ID",
        "Flower": f"http://127.0.0.1:{options.flower_port}  (read-only)",
        "Workers": str(options.workers),
        "Database": f"PostgreSQL 18 in {data_dir.postgres}" if postgres else "DATABASE_URL",
        "Broker": "embedded Redis" if redis else "BROKER_URL",
        "Logs": str(data_dir.logs),
        "Metrics": _metrics(options, base),
    }
    table = "\n".join(f"  {name:<13} {value}" for name, value in rows.items())
    return f"Mergelane is up. Ctrl-C stops it.\n\n{table}\n\n{_first_request(base, data_dir, key=key)}"


def _metrics(options: UpOptions, base: str) -> str:
    """Return where metrics are served: on ports of their own, or by web to a key."""
    ports = options.metrics_ports
    if not ports:
        return f"{base}/metrics  (web; it needs a key with metrics.read)"
    web, relay, last = ports["web"], ports["relay"], ports[options.worker_names[-1]]
    return f"http://127.0.0.1:{web}/metrics  (web; relay on port {relay}, workers on {relay + 1} to {last})"


def _first_request(base: str, data_dir: DataDir, *, key: bool) -> str:
    """Return a command that sends a merge and, without a dev key, the command that creates a key."""
    pair = '{"identifier_to_merge": {"external_id": "guest-1"}, "identifier_to_keep": {"external_id": "ada"}}'
    lines = ["Try it:"]
    if not key:
        home_option = f"--home {quote(str(data_dir.path))}"
        create = f"mergelane keys create {home_option} --workspace default --label 'my first key' --permission '*'"
        lines += [f"  {create}", "  export MERGELANE_DEV_API_KEY=…   # the secret that it printed"]
    lines += [
        f"  curl {base}/users/merge -H \"Authorization: Bearer {KEY}\" -H 'Content-Type: application/json' \\",
        f"    -d '{{\"merge_updates\": [{pair}]}}'",
    ]
    return "\n".join(lines)
