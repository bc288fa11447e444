"""The docs build without a warning, and name only commands that exist."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*/*.rst"))]


def test_docs_build_without_a_warning(tmp_path: Path) -> None:
    if importlib.util.find_spec("sphinx") is None:
        pytest.skip("sphinx is not installed (pip install 'pybroker[docs]')")
    words = [sys.executable, "-m", "sphinx", "-q", "-W", "-E", "-b", "html", "-d", str(tmp_path / "trees"), "docs", str(tmp_path / "html")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    # A key, an API and an error, each from its source.
    assert "pybroker.flush.policy" in (tmp_path / "html" / "reference" / "generated" / "config-broker.html").read_text()
    assert "OffsetForLeaderEpoch" in (tmp_path / "html" / "reference" / "generated" / "api-keys.html").read_text()
    assert "CORRUPT_MESSAGE" in (tmp_path / "html" / "reference" / "generated" / "errors.html").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_are_named_exist(page: Path) -> None:
    text = page.read_text()
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)", text)) <= targets
    for name in re.findall(r"(?<![\w/.-])script/([a-z]+)", text):
        assert (ROOT / "script" / name).exists(), name
    for link in re.findall(r"\]\(([A-Z][\w./-]+)\)", text):
        assert (ROOT / link).exists(), link


def test_every_folder_has_a_page() -> None:
    for folder in ("tutorial", "how-to", "reference", "design", "develop"):
        assert (ROOT / "docs" / folder / "index.rst").exists()
