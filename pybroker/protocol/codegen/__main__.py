"""``python -m pybroker.protocol.codegen --out-c DIR --out-py DIR``: files are rewritten only when their content changed."""

import argparse
from pathlib import Path

from pybroker.protocol.codegen import c, python
from pybroker.protocol.codegen.model import load


def put(path: Path, text: str) -> None:
    """Write when different, so that nothing that depends on it is built anew without need."""
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def main() -> None:
    parser = argparse.ArgumentParser(prog="pybroker.protocol.codegen")
    parser.add_argument("--out-c", type=Path)
    parser.add_argument("--out-py", type=Path)
    arguments = parser.parse_args()
    modules = list(load())
    if arguments.out_py:
        put(arguments.out_py / "__init__.py", python.generate_init(modules))
        for module in modules:
            put(arguments.out_py / f"{module.name}.py", python.generate(module))
    if arguments.out_c:
        for name, text in c.generate(modules).items():
            put(arguments.out_c / name, text)


if __name__ == "__main__":
    main()
