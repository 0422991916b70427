"""Ask the advisory database OSV about every pinned package: a known vulnerability fails, a silent database does not.

Without a network nothing can be learnt, and nothing that is built is at fault for that: so it is told, and no more.
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
#: What pip-audit says when nobody answers it, or not with an answer.
SILENT = ("ConnectionError", "ConnectTimeout", "ReadTimeout", "ProxyError", "SSLError", "HTTPError", "ServiceError")
OSV_URL = "https://api.osv.dev/v1/query"
#: Seconds for a first sign of life: where there is no network, often nobody says so.
PATIENCE_S = 4.0
TIMEOUT_S = 10
DEADLINE_S = 180


def main() -> int:
    """Return 0 when nothing is known against any package, or nothing could be learnt; 1 otherwise, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--constraints", type=Path, default=CONSTRAINTS, help="The pins to ask about.")
    parser.add_argument("--osv-url", default=OSV_URL, help="Where to ask, if not at OSV itself.")
    parser.add_argument("--patience", type=float, default=PATIENCE_S, help="Seconds to wait for a first answer.")
    given = parser.parse_args()
    if not _answers(given.osv_url, given.patience):
        return _tell_of_silence()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        failed = _ask(given.constraints, report, given.osv_url)
        if report.exists():
            return _tell(orjson.loads(report.read_bytes())["dependencies"])
    if failed is None or any(word in failed for word in SILENT):
        return _tell_of_silence()
    print(f"The audit of the packages failed:\n{failed}")
    return 1


def _answers(osv_url: str, patience: float) -> bool:
    """Tell whether anybody answers at *osv_url*, whatever the answer, within *patience* seconds.

    The search for its address keeps to no time of ours, so it is left behind when it takes longer.
    """
    answered = threading.Event()
    knocking = threading.Thread(target=_knock, args=(osv_url, patience, answered), daemon=True)
    knocking.start()
    knocking.join(patience)
    return answered.is_set()


def _knock(osv_url: str, patience: float, answered: threading.Event) -> None:
    """Set *answered* when somebody answers at *osv_url*."""
    try:
        requests.get(osv_url, timeout=patience).close()
    except requests.RequestException:
        return
    answered.set()


def _ask(constraints: Path, report: Path, osv_url: str) -> str | None:
    """Have *report* written by pip-audit; return what it said besides, None when it took too long."""
    options = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--vulnerability-service", "osv"]
    options += ["--timeout", str(TIMEOUT_S), "--format", "json", "--output", str(report), "--osv-url", osv_url]
    options += [part for advisory in ACCEPTED for part in ("--ignore-vuln", advisory)]
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(constraints), *options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE_S)
    except subprocess.TimeoutExpired:
        return None
    return done.stderr


def _tell_of_silence() -> int:
    """Tell that nothing could be learnt; return 0."""
    print("The packages were not audited: the advisory database OSV does not answer. Run `make audit` later.")
    return 0


def _tell(dependencies: list[dict[str, object]]) -> int:
    """Tell what is known against *dependencies*; return 1 when that is anything."""
    found = 0
    for each in dependencies:
        advisories = each.get("vulns")
        for advisory in advisories if isinstance(advisories, list) else []:
            found += 1
            mended = ", ".join(advisory["fix_versions"]) or "no version yet"
            print(f"{each['name']} {each['version']}: {advisory['id']}, mended in {mended}.")
    print(f"Packages audited: {len(dependencies)}. Advisories found: {found}.")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
