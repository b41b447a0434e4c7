"""A list of passengers from file to file, without a page and without the extra."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from . import passengers
from .counter import Counter
from .passengers import ListError

_JSON: Final = ".json"


def answer_file(
    counter: Counter, source: Path, out: Path, progress: Callable[[int, int], None]
) -> int:
    """Answer a list of passengers.

    Args:
        counter: The desk.
        source: A CSV file; see `passengers.read_list`.
        out: A new file for what is answered: JSON if it is called so, else CSV.
        progress: What is called behind each row: how many are done, of how many.

    Returns:
        How many rows have a fault.

    Raises:
        ListError: ``source`` is no list.
        OSError: A file cannot be read or written; or ``out`` exists.
    """
    count, answers = counter.ask_all(_read(source))
    results: list[dict[str, Any]] = []
    for each in answers:
        results.append(each)
        progress(len(results), count)
    is_json = out.suffix.lower() == _JSON
    content = _json(results) if is_json else passengers.as_csv(results)
    with out.open("x", encoding="utf-8", newline="") as file:
        file.write(content)
    return sum(each["error"] is not None for each in results)


def _read(source: Path) -> bytes:
    if not source.is_file():  # a pipe or a device could block for ever
        raise ListError("not a file")
    if source.stat().st_size > passengers.MAX_BYTES:
        raise ListError("larger than 8 MiB")
    return source.read_bytes()


def _json(results: list[dict[str, Any]]) -> str:
    return f"{json.dumps({'passengers': results}, ensure_ascii=False, indent=1)}\n"
