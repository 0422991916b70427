"""Check every pinned package in the advisory database OSV; a known vulnerability fails the build.

If the database does not answer, the script prints that and succeeds: a missing network is no fault of the build.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

import orjson
import requests

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"
#: Advisories that do not concern us, each with the reason.
ACCEPTED: Mapping[str, str] = {}
#: Errors of pip-audit that mean that the database did not answer.
UNAVAILABLE = (
    "ConnectionError",
    "ConnectTimeout",
    "ReadTimeout",
    "ProxyError",
    "SSLError",
    "HTTPError",
    "ServiceError",
)
OSV_URL = "https://api.osv.dev/v1/query"
#: Seconds to wait for a first answer; without a network there is often no error.
PATIENCE_S = 4.0
TIMEOUT_S = 10
DEADLINE_S = 180


def main() -> int:
    """Print the advisories; return 0 if there are none or the database does not answer, else 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--constraints", type=Path, default=CONSTRAINTS, help="File with the pins to check.")
    parser.add_argument("--osv-url", default=OSV_URL, help="URL of another OSV server.")
    parser.add_argument("--patience", type=float, default=PATIENCE_S, help="Seconds to wait for a first answer.")
    given = parser.parse_args()
    if not _is_available(given.osv_url, given.patience):
        return _report_unavailable()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        failed = _run_pip_audit(given.constraints, report, given.osv_url)
        if report.exists():
            return _print_advisories(orjson.loads(report.read_bytes())["dependencies"])
    if failed is None or any(word in failed for word in UNAVAILABLE):
        return _report_unavailable()
    print(f"The audit of the packages failed:\n{failed}")
    return 1


def _is_available(osv_url: str, patience: float) -> bool:
    """Return whether *osv_url* answers within *patience* seconds.

    The name lookup has no timeout, so it runs in a thread that is abandoned when it takes longer.
    """
    answered = threading.Event()
    probe = threading.Thread(target=_probe, args=(osv_url, patience, answered), daemon=True)
    probe.start()
    probe.join(patience)
    return answered.is_set()


def _probe(osv_url: str, patience: float, answered: threading.Event) -> None:
    try:
        requests.get(osv_url, timeout=patience).close()
    except requests.RequestException:
        return
    answered.set()


def _run_pip_audit(constraints: Path, report: Path, osv_url: str) -> str | None:
    """Write *report* with pip-audit; return its error output, or None if it took too long."""
    options = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--vulnerability-service", "osv"]
    options += ["--timeout", str(TIMEOUT_S), "--format", "json", "--output", str(report), "--osv-url", osv_url]
    options += [part for advisory in ACCEPTED for part in ("--ignore-vuln", advisory)]
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(constraints), *options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE_S)
    except subprocess.TimeoutExpired:
        return None
    return done.stderr


def _report_unavailable() -> int:
    print("The packages were not audited: the advisory database OSV does not answer. Run `make audit` later.")
    return 0


def _print_advisories(dependencies: list[dict[str, object]]) -> int:
    """Print the advisories of *dependencies*; return 1 if there are any."""
    found = 0
    for each in dependencies:
        advisories = each.get("vulns")
        for advisory in advisories if isinstance(advisories, list) else []:
            found += 1
            fixed = ", ".join(advisory["fix_versions"]) or "no version yet"
            print(f"{each['name']} {each['version']}: {advisory['id']}, fixed in {fixed}.")
    print(f"Packages audited: {len(dependencies)}. Advisories found: {found}.")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
