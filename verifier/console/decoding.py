"""The process that reads codes from pictures, so that it can be ended.

Run by `frames`, never by hand: a line of JSON with the size of the picture, then its
bytes, on standard input; a line of JSON for each on standard output.
"""

import json
import resource
import select
import sys
from typing import Any, BinaryIO, Final

_MEMORY: Final = 2**30
"""Bytes of address space: a picture made up to fill the memory fails here."""
_IDLE: Final = 60.0
"""Seconds without a picture after which the process ends and gives its memory back."""


def main() -> None:
    """Answer until nobody asks any longer."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    from ..scan import read_codes  # noqa: PLC0415  # what it loads is bounded, too

    source, sink = sys.stdin.buffer, sys.stdout.buffer
    _say(sink, {"ready": True})
    while _is_asked(source):
        asked = json.loads(source.readline())
        picture: Any = source.read(asked["size"])
        if asked["width"]:
            shape = [asked["height"], asked["width"]]
            picture = memoryview(picture).cast("B", shape)
        try:
            _say(sink, {"codes": read_codes(picture)})
        except ValueError as error:
            _say(sink, {"problem": str(error)})
        except MemoryError:
            _say(sink, {"problem": "it needs too much memory"})


def _is_asked(source: BinaryIO) -> bool:
    ready, _, _ = select.select([source], [], [], _IDLE)
    return bool(ready and source.peek(1))  # type: ignore[attr-defined]


def _say(sink: BinaryIO, told: object) -> None:
    sink.write(json.dumps(told).encode() + b"\n")
    sink.flush()


if __name__ == "__main__":
    main()
