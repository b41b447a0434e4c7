"""Writes the test vectors, training's cards and the worked example, or compares them.

Run ``python -m tests.vectors.build_vectors`` to write, and with ``--check`` to
be told by exit status 1 and the names which files differ.
"""

import json
import re
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from . import (
    cases_accept,
    cases_challenge,
    cases_entitlement,
    cases_jose,
    cases_journey,
    cases_keybinding,
    cases_order,
    cases_pack,
    cases_packing,
    cases_passport,
    cases_reported,
    cases_status,
    cases_time,
    cases_trust,
    training,
    worked,
    world,
)
from .book import DEFAULTS

HERE = Path(__file__).parent
SPECIFICATION = HERE.parents[1] / "docs" / "spec.md"
TRAINING = HERE.parents[1] / "verifier" / "console" / "training.json"
AREAS = (
    cases_accept,
    cases_jose,
    cases_keybinding,
    cases_packing,
    cases_time,
    cases_status,
    cases_trust,
    cases_passport,
    cases_reported,
    cases_entitlement,
    cases_order,
    cases_pack,
    cases_challenge,
    cases_journey,
)


def written(members: dict[str, Any]) -> str:
    """Return a JSON object with one member on a line."""
    lines = (f"{json.dumps(k)}: {json.dumps(v)}" for k, v in members.items())
    return "{{\n{}\n}}".format(",\n".join(lines))


def written_vectors(vectors: list[dict[str, Any]]) -> str:
    texts = ",\n".join(map(written, vectors))
    return f'{{"defaults":\n{written(DEFAULTS)},\n"vectors": [\n{texts}\n]}}\n'


def build() -> dict[Path, str]:
    """Return every vector file with its text."""
    sets = {"default": world.default_documents(), "small": world.small_documents()}
    files = {
        HERE / f"data/trust/{name}.json": written(documents) + "\n"
        for name, documents in sets.items()
    }
    books = [area.build() for area in AREAS]
    names = [vector["id"] for book in books for vector in book.vectors]
    assert len(names) == len(set(names)), [n for n in names if names.count(n) > 1]
    first: dict[str, str] = {}
    for book in books:
        book.shorten(first)
        files[HERE / f"data/{book.area}.json"] = written_vectors(book.vectors)
    return files | {TRAINING: written_training()}


def written_training() -> str:
    """Return the file of training's cards, one case on a line."""
    cards = training.build()
    cases = ",\n".join(map(json.dumps, cards["cases"]))
    return f'{{"documents":\n{written(cards["documents"])},\n"cases": [\n{cases}\n]}}\n'


def between(text: str, markers: re.Match[str]) -> str:
    return f"{markers[1]}\n{text}\n\n{markers[2]}"


def filled(specification: str) -> str:
    """Return the specification with its examples between their markers."""
    for name, text in worked.examples().items():
        pattern = rf"(<!-- example:{name} -->\n).*?(<!-- /example:{name} -->)"
        specification, count = re.subn(
            pattern,
            partial(between, text),
            specification,
            flags=re.DOTALL,
        )
        assert count == 1, name
    return specification


def main(arguments: Sequence[str]) -> int:
    """Write the files, or with ``--check`` compare them; return the exit status."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write(f"{__doc__}\n")
        return 64
    files = build()
    files[SPECIFICATION] = filled(SPECIFICATION.read_text(encoding="utf-8"))
    kept = {path for path in (HERE / "data").rglob("*.json") if path not in files}
    different = [
        path
        for path, text in files.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in sorted({*different, *kept}):
        sys.stderr.write(f"differs: {path.relative_to(HERE.parents[1])}\n")
    if arguments:
        return 1 if different or kept else 0
    for path in kept:
        path.unlink()
    for path in different:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[path], encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
