"""Pages that a reader works through, worked through: files are written and commands are run in the order in which they stand, and what the page says comes out must come out.

``.. code-block:: sh``     run by one bash, one after another, so that ``cd`` and an activated environment hold; a block that starts ``pybrokerd`` runs beside the ones that follow
``.. code-block:: python`` with ``:caption: path``: the file, from the folder where the reader is
``.. code-block:: text``   lines that the block before it must have printed, in this order; … stands for anything
"""

import re
import shlex
from collections.abc import Iterator
from textwrap import dedent
from typing import NamedTuple

_BLOCK = re.compile(r"^\.\. code-block:: (sh|python|text)\n((?:   :.*\n)*)\n((?:(?:   .*)?\n)+)", re.MULTILINE)
MARK = "@@@ block"


class Block(NamedTuple):
    """A code block. ``path``: of a file that it is."""

    kind: str
    path: str
    text: str
    line: int


def blocks(page: str) -> Iterator[Block]:
    """The blocks that are worked through."""
    for found in _BLOCK.finditer(page):
        kind, options, text = found.groups()
        caption = re.search(r":caption: (\S+)", options)
        if kind != "python" or caption:
            yield Block(kind, caption[1] if caption else "", dedent(text).strip("\n"), page.count("\n", 0, found.start()) + 1)


def script(found: list[Block]) -> str:
    """The page as a program for bash: a mark on stdout before each block; a program that serves is stopped at the end, and must end with 0."""
    lines = ["set -eu -o pipefail", "exec 2>&1"]
    for number, block in enumerate(found):
        lines.append(f"echo; echo {MARK} {number}")
        if block.kind == "python":
            lines.append(f"cat > {shlex.quote(block.path)} <<'END OF THE FILE'\n{block.text}\nEND OF THE FILE")
        elif block.kind == "sh" and block.text.startswith("pybrokerd "):
            lines.append(f"coproc BROKER {{ exec {block.text} 2>broker.log; }}\nbroker=$BROKER_PID\nread -r line <&${{BROKER[0]}} || {{ cat broker.log; exit 1; }}\necho \"$line\"")
        elif block.kind == "sh":
            lines.append(block.text)
    return "\n".join([*lines, 'if [ -n "${broker:-}" ]; then kill -TERM "$broker"; wait "$broker"; fi', ""])


def missing(found: list[Block], output: str) -> list[str]:
    """What the page says comes out and did not, a line each."""
    said = {}
    for part in output.split(f"\n{MARK} ")[1:]:
        number, _, text = part.partition("\n")
        said[int(number)] = text
    wrong = []
    for number, block in enumerate(found):
        if block.kind == "text":
            left = said.get(number - 1, "")
            for line in block.text.splitlines():
                wanted = ".*".join(r"\s+".join(map(re.escape, part.split())) for part in line.split("…"))
                match = re.search(wanted, left)
                if match is None:
                    wrong.append(f"line {block.line}: «{line}» did not come out of\n{said.get(number - 1, '(not run)')}")
                    break
                left = left[match.end() :]
    return wrong
