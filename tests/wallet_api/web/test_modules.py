"""Clock, network and the steps of a card, each by itself: `*.test.mjs` in Node."""

import subprocess
from pathlib import Path

import pytest

from tests.components import needs, path_of

TESTS = sorted(Path(__file__).parent.glob("*.test.mjs"))


@needs("Node")
@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_module(path: Path) -> None:
    """Node's own runner finds no failure."""
    done = subprocess.run(  # noqa: S603  # our own file
        [path_of("Node"), "--test", path],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "# pass 0" not in done.stdout
