"""Where the reference data lies, if it is there: the project stands without it."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("PYBROKER_SHARED", ROOT.parent / "shared"))

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the reference data (../shared or PYBROKER_SHARED) is not here")
