"""The checkout that a script is in: its code comes before an installed one and that of PYTHONPATH."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
