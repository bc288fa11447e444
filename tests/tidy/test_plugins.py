"""The packages in plugins/ are typed as the rest is."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.outsider import PACKAGES

TOOL = Path(sys.executable).with_name("mypy")


@pytest.mark.skipif(not TOOL.exists(), reason="mypy is not installed (pip install 'pybroker[dev]')")
@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_the_package_is_typed(package: Path) -> None:
    """Strictly; exceptions for libraries without types stand in its pyproject.toml."""
    words = [str(TOOL), "--strict", "--config-file", "pyproject.toml", *(str(path) for path in sorted((package / "src").iterdir()) if path.is_dir() and not path.name.endswith(".egg-info"))]
    done = subprocess.run(words, cwd=package, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
