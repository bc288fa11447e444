"""Sphinx: ``make docs``. The pages under reference/generated are written from the sources before each build."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import pybroker  # noqa: E402 - the path comes first

project = "pybroker"
author = "the pybroker authors"
copyright = "the pybroker authors, Apache-2.0"
release = version = pybroker.__version__

extensions: list[str] = []
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {"description": "a broker that speaks the Kafka protocol", "fixed_sidebar": True, "page_width": "72em"}
html_show_copyright = False
nitpicky = True


def write_reference(app: object) -> None:
    import reference_pages

    reference_pages.write(HERE / "reference" / "generated")


def setup(app: object) -> None:
    app.connect("builder-inited", write_reference)  # type: ignore[attr-defined]
