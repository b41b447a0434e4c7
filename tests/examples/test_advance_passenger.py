"""The story of a passenger list is run as it stands, and ends as it says."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_from_a_list_to_an_answer_that_flips() -> None:
    """Over HTTP: two answers are counted in a CUSRES, and one flips unasked."""
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
    counted = [each.rpartition(": ")[2] for each in lines if " travellers: " in each]
    assert counted == ["ABTC-GIVES", "ABTC-NONE"]
    assert "NO BOARD ANSWER" in lines[-2]
    _, reference, _, _, answer = lines[-1].rsplit(" ", 4)
    assert reference in lines[-2]
    assert answer == "does_not_give"
