"""The wallet's JavaScript without a browser."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.components import path_of

HERE = Path(__file__).parent


class NodeError(Exception):
    """The wallet refused; the text is the name of its error."""


@dataclass(frozen=True, slots=True)
class Node:
    """A process that has one phone's key and answers questions one by one."""

    requests: IO[str]
    answers: IO[str]

    def ask(self, work: str, **given: object) -> Any:
        self.requests.write(json.dumps({"work": work, **given}) + "\n")
        self.requests.flush()
        answer = json.loads(self.answers.readline())
        if "refused" in answer:
            raise NodeError(answer["refused"])
        return answer["value"]


@contextmanager
def phone() -> Iterator[Node]:
    with subprocess.Popen(  # noqa: S603  # our own file
        [path_of("Node"), HERE / "phone.mjs"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        assert process.stdin
        assert process.stdout
        yield Node(process.stdin, process.stdout)
        process.stdin.close()
