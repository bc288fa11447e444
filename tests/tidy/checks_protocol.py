"""Rules for what is served: every key has a definition, a handler, a test and a place in the docs, and nothing is half there."""

import ast
import re
from pathlib import Path
from typing import Any, Final

DEFINITIONS: Final = "pybroker/protocol/definitions"


def constants(path: Path) -> dict[str, Any]:
    """Names of a module that are bound to literals."""
    found = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return found


def valid_range(path: Path) -> tuple[int, int] | None:
    """``valid=`` of the request of a definition."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "REQUEST" and isinstance(node.value, ast.Call):
            for word in node.value.keywords:
                if word.arg == "valid" and isinstance(word.value, ast.Constant):
                    low, _, high = str(word.value.value).partition("-")
                    return int(low), int(high or low)
    return None


def keyed(root: Path, pattern: str) -> dict[int, Path]:
    """Files named kNN_…, by key."""
    return {int(match[1]): path for path in sorted(root.glob(pattern)) if (match := re.match(r"(?:test_)?k(\d\d+)_", path.name))}


def check_served(root: Path) -> list[str]:
    """Each key that is advertised has definition, handler on its plane, test against a running broker; each handler is of an advertised key."""
    served = constants(root / DEFINITIONS / "served.py")
    definitions = keyed(root, f"{DEFINITIONS}/k*.py")
    in_c, in_python = keyed(root, "csrc/api/k*.c"), keyed(root, "pybroker/apis/k*.py")
    tests = keyed(root, "tests/apis/test_k*.py")
    wrong = []
    for key in served["SERVED_NOW"]:
        name = f"key {key}"
        handlers = in_c if key in served["DATA_PLANE"] else in_python
        if key not in definitions:
            wrong.append(f"{name}: no definition")
            continue
        if key not in handlers:
            wrong.append(f"{name}: no handler in {'csrc/api' if handlers is in_c else 'pybroker/apis'}")
        elif handlers[key].stem != definitions[key].stem:
            wrong.append(f"{name}: the handler is called {handlers[key].stem}, the definition {definitions[key].stem}")
        if key not in tests:
            wrong.append(f"{name}: no tests/apis/test_{definitions[key].stem}.py")
        wrong += _range_of(key, served["RANGES"], definitions[key])
    for key in sorted((in_c.keys() | in_python.keys()) - set(served["SERVED_NOW"])):
        wrong.append(f"key {key}: a handler, but it is not in SERVED_NOW")
    wrong += [f"key {key}: handlers on both planes" for key in sorted(in_c.keys() & in_python.keys())]
    return wrong


def _range_of(key: int, ranges: dict[int, tuple[int, int]], definition: Path) -> list[str]:
    valid = valid_range(definition)
    if valid is None:
        return [f"key {key}: the request says no versions"]
    if key not in ranges:
        return [f"key {key}: served in no version"]
    low, high = ranges[key]
    # Versions below the valid ones are advertised where clients need to see them, and refused.
    if not low <= high <= valid[1] or high < valid[0]:
        return [f"key {key}: served {low}-{high}, defined {valid[0]}-{valid[1]}"]
    return []
