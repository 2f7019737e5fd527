"""How fast and how light the extension is, measured in real kernels beside httpx written by hand."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
