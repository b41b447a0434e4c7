"""The story of a passenger list is run as it stands, and ends as it says."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_from_a_list_to_an_answer_that_flips() -> None:
    """All three answers are counted, and the carrier is told of one flip."""
    done = subprocess.run(  # our own module
        [sys.executable, "-m", "examples.advance_passenger"],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert sum("passports: " in each for each in lines) == 3
    assert "no board answer" in done.stdout
    assert lines[-1].startswith("told unasked: ")
    assert lines[-1].endswith("is now does_not_give")
