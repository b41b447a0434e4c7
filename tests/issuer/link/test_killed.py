"""Whichever side is killed, whenever: nothing is lost, and nothing is done twice."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.issuer.link.killed_neighbours import POINTS
from tests.soak import SOAK, rounds

CYCLES = rounds(2, 200)
FEW = (
    "note_questions.commit", "note_told.before", "apply_page.commit",
    "preclearance.ask_all.after", "card.tell.commit",
)  # fmt: skip
"""Where most could be lost or doubled; a soak has them all."""
AT = POINTS if SOAK else FEW


def run(what: str, folder: Path, *more: object) -> dict[str, Any]:
    """Run `killed_neighbours`, which forks, in a process without threads."""
    command = [
        sys.executable, "-m", "tests.issuer.link.killed_neighbours", what,
        str(folder), *map(str, more),
    ]  # fmt: skip
    done = subprocess.run(  # noqa: S603
        command, cwd=Path(__file__).parents[3], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.timeout(1800)
def test_r1_killed_at_each_point_both_sides_go_on(tmp_path: Path) -> None:
    found = run("points", tmp_path, *AT)
    assert found["problems"] == []
    assert found["deaths"] == dict.fromkeys(AT, True)


@pytest.mark.timeout(7200)
def test_l1_killed_at_any_moment_both_sides_go_on(tmp_path: Path) -> None:
    found = run("loop", tmp_path, CYCLES)
    assert found["problems"] == []
    assert found["kills"] >= CYCLES
